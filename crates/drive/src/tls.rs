//! TLS through rustls, sans-I/O: the reactor moves the bytes.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use rustls::client::ClientConnection;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};

use crate::error::DriveError;

/// The client's TLS settings: the given certificate authorities, or those of the machine.
pub(crate) fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, DriveError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_file {
        let bad = |reason: String| DriveError::CaFile { path: path.to_owned(), reason };
        for certificate in CertificateDer::pem_file_iter(path).map_err(|e| bad(e.to_string()))? {
            let certificate = certificate.map_err(|e| bad(e.to_string()))?;
            roots.add(certificate).map_err(|e| bad(e.to_string()))?;
        }
        if roots.is_empty() {
            return Err(bad("no certificate in it".to_owned()));
        }
    } else {
        // A machine without any root is an error only when a handshake needs one, and then says so itself.
        for certificate in rustls_native_certs::load_native_certs().certs {
            let _ = roots.add(certificate);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| DriveError::TlsSetup { reason: e.to_string() })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A TLS failure in words a person can act on.
pub(crate) fn describe(error: &rustls::Error) -> String {
    use rustls::{CertificateError, Error, InvalidMessage};
    let what = match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::MessageTooLarge) => {
            return "the peer does not speak TLS on this port; is the URL's scheme http?".to_owned();
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the server's certificate is signed by an authority this machine does not trust"
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the server's certificate has expired"
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the server's certificate is for another name than the URL's host",
        Error::InvalidCertificate(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "the server presents a certificate authority's own certificate (basicConstraints CA:TRUE) as its server certificate"
        }
        other => return other.to_string(),
    };
    format!("{what}; --ca-file names the authorities to trust ({error})")
}

/// One TLS connection and the place of its record boundaries.
pub(crate) struct Tls {
    connection: ClientConnection,
    records: RecordBoundary,
    /// The peer has sent close_notify.
    closed: bool,
}

impl Tls {
    pub(crate) fn new(config: &Arc<ClientConfig>, name: &ServerName<'static>) -> Result<Self, rustls::Error> {
        let connection = ClientConnection::new(Arc::clone(config), name.clone())?;
        Ok(Self { connection, records: RecordBoundary::default(), closed: false })
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Takes ciphertext as it was read and appends the plaintext to `plain`.
    pub(crate) fn receive(&mut self, mut cipher: &[u8], plain: &mut Vec<u8>) -> Result<(), rustls::Error> {
        self.records.pass(cipher);
        while !cipher.is_empty() {
            // Nothing is taken any more once the peer has said that it closes; what follows that belongs to no one.
            if !matches!(self.connection.read_tls(&mut cipher), Ok(1..)) {
                break;
            }
            self.closed |= self.connection.process_new_packets()?.peer_has_closed();
            let mut chunk = [0_u8; 4096];
            while let Ok(n) = self.connection.reader().read(&mut chunk) {
                if n == 0 {
                    break;
                }
                plain.extend_from_slice(&chunk[..n]);
            }
        }
        Ok(())
    }

    /// Whether the peer has said that nothing more will come.
    pub(crate) fn peer_has_closed(&self) -> bool {
        self.closed
    }

    /// Whether the ciphertext so far ends exactly at the end of a record.
    pub(crate) fn at_boundary(&self) -> bool {
        self.records.at_boundary()
    }

    /// Queues plaintext for sending.
    pub(crate) fn queue(&mut self, plain: &[u8]) -> io::Result<()> {
        self.connection.set_buffer_limit(None);
        self.connection.writer().write_all(plain)
    }

    pub(crate) fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    /// Moves ciphertext out through `send` until it is all gone or the socket is full.
    pub(crate) fn send_through(&mut self, send: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<()> {
        struct Out<F>(F);
        impl<F: FnMut(&[u8]) -> io::Result<usize>> Write for Out<F> {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                (self.0)(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut out = Out(send);
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut out) {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// Follows TLS record headers (type, version, length: five bytes) through a ciphertext stream. A read that ends inside a record
/// carries the kernel stamp of bytes that belong to a later event.
#[derive(Debug, Default)]
struct RecordBoundary {
    header: [u8; 5],
    header_filled: usize,
    body_left: usize,
}

impl RecordBoundary {
    fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.body_left > 0 {
                let n = self.body_left.min(bytes.len());
                self.body_left -= n;
                bytes = &bytes[n..];
                continue;
            }
            self.header[self.header_filled] = bytes[0];
            self.header_filled += 1;
            bytes = &bytes[1..];
            if self.header_filled == self.header.len() {
                self.header_filled = 0;
                self.body_left = usize::from(u16::from_be_bytes([self.header[3], self.header[4]]));
            }
        }
    }

    fn at_boundary(&self) -> bool {
        self.body_left == 0 && self.header_filled == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_boundaries_are_found_however_the_bytes_are_cut() {
        let stream: Vec<u8> =
            [[23, 3, 3, 0, 2, 9, 9].as_slice(), &[23, 3, 3, 0, 1, 7], &[22, 3, 3, 0, 0]].concat();
        let ends = [7, 13, 18];
        for cut in 0..=stream.len() {
            let mut boundary = RecordBoundary::default();
            boundary.pass(&stream[..cut]);
            assert_eq!(boundary.at_boundary(), cut == 0 || ends.contains(&cut), "cut at {cut}");
            boundary.pass(&stream[cut..]);
            assert!(boundary.at_boundary());
        }
    }
}
