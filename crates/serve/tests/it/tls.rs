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

/// A client that trusts the certificate `name` alone.
fn trusting(name: &str) -> ureq::Agent {
    let pem = std::fs::read(file(name)).expect("a file");
    let trusted = Certificate::from_pem(&pem).expect("a certificate");
    let roots = RootCerts::Specific(Arc::new(vec![trusted]));
    ureq::Agent::config_builder()
        .timeout_global(Some(LONG))
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .build()
        .into()
}

#[test]
fn a_client_that_trusts_the_certificate_is_answered() {
    let server = start_with(Start { tls: Some(tls()), ..Start::default() });
    let agent = trusting("certificate.pem");
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

/// A certificate that was renewed holds for the connections that come after it is read again.
#[test]
fn a_certificate_is_renewed_while_the_server_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| Utf8Path::from_path(folder.path()).expect("a path").join(name);
    let copy = |from: &str, to: &str| {
        std::fs::copy(file(from), at(to)).expect("it is copied");
    };
    copy("certificate.pem", "now.pem");
    copy("key.pem", "now-key.pem");
    let tls = Tls::open(&at("now.pem"), &at("now-key.pem")).expect("a pair");
    let server = start_with(Start { tls: Some(tls.clone()), ..Start::default() });
    let url = format!("https://{}/livez", server.address);
    let is_trusted = |name: &str| trusting(name).get(&url).call().is_ok();
    assert_eq!(["certificate.pem", "other-certificate.pem"].map(is_trusted), [true, false]);

    copy("other-certificate.pem", "now.pem");
    let error = tls.reload().expect_err("its key has not come yet");
    assert!(matches!(error, TlsError::Pair { .. }), "{error}");
    assert_eq!(["certificate.pem", "other-certificate.pem"].map(is_trusted), [true, false]);

    copy("other-key.pem", "now-key.pem");
    tls.reload().expect("a pair");
    assert_eq!(["certificate.pem", "other-certificate.pem"].map(is_trusted), [false, true]);
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
