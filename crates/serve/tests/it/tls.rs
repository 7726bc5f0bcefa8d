//! Encrypted connections.

use crate::support::{LONG, Start, start_with};
use camino::{Utf8Path, Utf8PathBuf};
use catena_serve::{ConnectionLimits, Tls, TlsError};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

fn file(name: &str) -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/tls").join(name)
}

fn tls() -> Tls {
    Tls::open(&file("certificate.pem"), &file("key.pem")).expect("a pair")
}

#[test]
fn a_client_that_trusts_the_certificate_is_answered() {
    let server = start_with(Start { tls: Some(tls()), ..Start::default() });
    let pem = std::fs::read(file("certificate.pem")).expect("a file");
    let trusted = Certificate::from_pem(&pem).expect("a certificate");
    let roots = RootCerts::Specific(Arc::new(vec![trusted]));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(LONG))
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .build()
        .into();
    let url = format!("https://{}/livez", server.address);
    let answer = agent.get(&url).call().expect("an answer");
    assert_eq!(answer.status(), 200);
    ureq::get(&url).call().expect_err("nobody else trusts it");
}

#[test]
fn a_handshake_that_never_comes_holds_up_nobody() {
    let connections = ConnectionLimits {
        max_connections: 1,
        header_timeout: Duration::from_millis(200),
        ..ConnectionLimits::default()
    };
    let server = start_with(Start { tls: Some(tls()), connections, ..Start::default() });
    for opening in [&b""[..], b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"] {
        let mut stream = TcpStream::connect(server.address).expect("a connection");
        stream.write_all(opening).expect("it is sent");
        stream.set_read_timeout(Some(LONG)).expect("a timeout");
        let mut answer = Vec::new();
        // It is closed, with or without an alert.
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP"));
    }
}

#[test]
fn files_that_do_not_fit_are_refused() {
    let open = |certificate: &str, key: &str| Tls::open(&file(certificate), &file(key)).err();
    let pem = |error| matches!(error, Some(TlsError::Pem { .. }));
    assert!(pem(open("key.pem", "key.pem")));
    assert!(pem(open("certificate.pem", "certificate.pem")));
    assert!(pem(open("missing.pem", "key.pem")));
    let error = open("certificate.pem", "other-key.pem");
    assert!(matches!(error, Some(TlsError::Pair { .. })), "{error:?}");
}
