//! A server whose every send is on a known schedule; shares no room with the client.
