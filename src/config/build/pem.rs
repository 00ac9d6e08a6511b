//! Certificate files: whether they are there and hold what they should. They are read anew, by those
//! who use them, when they change.

use std::{fs, io, path::Path};

use rustls::{crypto::aws_lc_rs::sign::any_supported_type, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::Check;
use crate::{
    config::{
        mistake::{KeyPath, Wrong},
        raw,
    },
    server,
};

/// A certificate with its key.
pub(super) fn certificate(
    check: &mut Check<'_>,
    path: &KeyPath,
    raw: raw::Certificate,
) -> Option<server::Certificate> {
    let (chain_file, key_file) = (raw.chain?.0, raw.key?.0);
    let chain = certificates(check, &path.key("chain"), &chain_file);
    let key = private_key(check, &path.key("key"), &key_file);
    if let (Some(chain), Some(key)) = (chain, key) {
        let belongs =
            any_supported_type(&key).is_ok_and(|key| CertifiedKey::new(chain, key).keys_match().is_ok());
        if !belongs {
            let (key, chain) = (shown(&key_file), shown(&chain_file));
            check.wrong(&path.key("key"), Wrong::KeyMismatch { key, chain });
        }
    }
    Some(server::Certificate { chain: check.resolved(&chain_file), key: check.resolved(&key_file) })
}

/// The certificates of a PEM file, at least one.
pub(super) fn certificates(
    check: &mut Check<'_>,
    path: &KeyPath,
    file: &Path,
) -> Option<Vec<CertificateDer<'static>>> {
    let pem = read(check, path, file)?;
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().unwrap_or_default();
    let readable = certificates.iter().all(|der| x509_parser::parse_x509_certificate(der).is_ok());
    if certificates.is_empty() || !readable {
        check.wrong(path, Wrong::PemUnfit { file: shown(file), expected: "certificate" });
        return None;
    }
    Some(certificates)
}

fn private_key(check: &mut Check<'_>, path: &KeyPath, file: &Path) -> Option<PrivateKeyDer<'static>> {
    let pem = read(check, path, file)?;
    let key = PrivateKeyDer::from_pem_slice(&pem).ok();
    if key.is_none() {
        check.wrong(path, Wrong::PemUnfit { file: shown(file), expected: "private key" });
    }
    key
}

/// A file's bytes; what it cannot be read for is noted.
fn read(check: &mut Check<'_>, path: &KeyPath, file: &Path) -> Option<Vec<u8>> {
    let read: io::Result<Vec<u8>> = fs::read(check.resolved(file));
    read.map_err(|e| check.wrong(path, Wrong::PemUnreadable { file: shown(file), kind: e.kind() })).ok()
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}
