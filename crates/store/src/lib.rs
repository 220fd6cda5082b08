//! Where do runs live; how do foreign files come in and ours go out?
