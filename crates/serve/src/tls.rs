//! TLS of the listener, from a certificate and its key.

use camino::{Utf8Path, Utf8PathBuf};
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;

/// Error of a certificate or its key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file has no PEM of what it should have.
    #[error("`{path}` has no {what} in PEM form")]
    Pem {
        /// The file.
        path: Utf8PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What the parser says.
        #[source]
        source: pem::Error,
    },
    /// The certificate and the key do not go together, or one is not usable.
    #[error("`{certificate}` and `{key}` cannot be used together")]
    Pair {
        /// The certificate's file.
        certificate: Utf8PathBuf,
        /// The key's file.
        key: Utf8PathBuf,
        /// What rustls says.
        #[source]
        source: rustls::Error,
    },
}

/// A certificate chain and its key, which may be read again while a server runs.
#[derive(Clone)]
pub struct Tls {
    certificate: Utf8PathBuf,
    key: Utf8PathBuf,
    config: Arc<RwLock<Arc<ServerConfig>>>,
}

impl Tls {
    /// Reads both PEM files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(certificate: &Utf8Path, key: &Utf8Path) -> Result<Self, TlsError> {
        let config = Arc::new(RwLock::new(Arc::new(read(certificate, key)?)));
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), config })
    }

    /// Reads the files again, for the connections that come from now on.
    ///
    /// # Errors
    /// [`TlsError`]; the certificate stays as it was then.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = Arc::new(read(&self.certificate, &self.key)?);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone().into()
    }
}

fn read(certificate: &Utf8Path, key: &Utf8Path) -> Result<ServerConfig, TlsError> {
    let pem = |path: &Utf8Path, what| {
        let path = path.to_owned();
        move |source| TlsError::Pem { path, what, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate.as_std_path())
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
        .map_err(pem(certificate, "certificate"))?;
    let private = PrivateKeyDer::from_pem_file(key.as_std_path()).map_err(pem(key, "key"))?;
    let pair = |source| TlsError::Pair {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
