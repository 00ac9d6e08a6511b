//! Client certificates: one whole name of one kind (C22).

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    Identity, Invalid, Method,
    settings::{San, Sources},
};
use crate::{
    ids::{TenantId, Timestamp, UserId},
    server::ClientCertificate,
};

/// All names of all tenants.
#[derive(Debug, Default)]
pub(super) struct Names {
    kinds: BTreeSet<San>,
    users: HashMap<(San, String), (TenantId, UserId)>,
}

impl Names {
    pub(super) fn new(tenants: &[(TenantId, Arc<Sources>)]) -> Self {
        let mut names = Self::default();
        for (tenant, sources) in tenants {
            for certificates in &sources.certificates {
                names.kinds.insert(certificates.san);
                for (name, user) in &certificates.users {
                    let whose = (tenant.clone(), user.clone());
                    names.users.insert((certificates.san, name.clone()), whose);
                }
            }
        }
        names
    }

    /// Whose a certificate is; `None` if none is taken for a credential here.
    pub(super) fn identify(
        &self,
        certificate: &ClientCertificate,
        now: Timestamp,
    ) -> Option<Result<Identity, Invalid>> {
        if self.kinds.is_empty() {
            return None;
        }
        Some(self.whose(certificate).and_then(|(tenant, user)| {
            // It was good at the handshake, and the connection may have outlived it.
            if now >= certificate.until {
                return Err(Invalid::Expired);
            }
            let until = Some(certificate.until);
            Ok(Identity { tenant: tenant.clone(), user: user.clone(), until, by: Method::Certificate })
        }))
    }

    fn whose(&self, certificate: &ClientCertificate) -> Result<&(TenantId, UserId), Invalid> {
        let ClientCertificate { uris, dns_names, emails, until: _ } = certificate;
        // Whoever stops reading at a NUL reads another name.
        if uris.iter().chain(dns_names).chain(emails).any(|name| name.contains('\0')) {
            return Err(Invalid::Certificate);
        }
        let mut found = None;
        for &kind in &self.kinds {
            let names = match kind {
                San::Uri => uris,
                San::Dns => dns_names,
                San::Email => emails,
            };
            let of = |name: &String| self.users.get(&(kind, name.clone()));
            match names.as_slice() {
                [name] => match (found, of(name)) {
                    (Some(_), Some(_)) => return Err(Invalid::Certificate),
                    (None, whose) => found = whose,
                    (Some(_), None) => {}
                },
                several if several.iter().any(|name| of(name).is_some()) => return Err(Invalid::Certificate),
                _ => {}
            }
        }
        found.ok_or(Invalid::Certificate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::settings::Certificates;

    fn names() -> Names {
        let of = |san, name: &str, user: &str| Certificates {
            san,
            users: [(name.to_owned(), UserId::new(user))].into(),
        };
        let sources = |certificates| Arc::new(Sources { certificates, ..Sources::default() });
        Names::new(&[
            (TenantId::new("acme"), sources(vec![of(San::Uri, "spiffe://acme/ana", "ana")])),
            (TenantId::new("globex"), sources(vec![of(San::Dns, "bob.globex.test", "bob")])),
        ])
    }

    fn whose(uris: &[&str], dns: &[&str], emails: &[&str]) -> Result<String, &'static str> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = ClientCertificate {
            uris: owned(uris),
            dns_names: owned(dns),
            emails: owned(emails),
            until: Timestamp(1000),
        };
        let identity = names().identify(&certificate, Timestamp(999)).unwrap();
        identity.map(|identity| format!("{}/{}", identity.tenant, identity.user)).map_err(Invalid::label)
    }

    #[test]
    fn c22_a_certificate_counts_by_one_whole_name_of_the_kind_its_tenant_names() {
        let refused = Err("certificate");
        for (uris, dns, emails, expected) in [
            (&["spiffe://acme/ana"][..], &[][..], &[][..], Ok("acme/ana")),
            (&[], &["bob.globex.test"], &[], Ok("globex/bob")),
            (&["spiffe://acme/ana"], &["other.test"], &[], Ok("acme/ana")),
            // The right text as another kind of name, or in part.
            (&[], &["spiffe://acme/ana"], &[], refused),
            (&["bob.globex.test"], &[], &[], refused),
            (&["spiffe://acme/ana/x"], &[], &[], refused),
            (&["SPIFFE://acme/ana"], &[], &[], refused),
            // Two of the kind.
            (&["spiffe://acme/ana", "spiffe://acme/eve"], &[], &[], refused),
            (&["spiffe://acme/ana", "spiffe://acme/ana"], &[], &[], refused),
            // A NUL anywhere.
            (&["spiffe://acme/ana\0.evil"], &[], &[], refused),
            (&["spiffe://acme/ana"], &[], &["x\0@y"], refused),
            // Of two tenants at once.
            (&["spiffe://acme/ana"], &["bob.globex.test"], &[], refused),
            // No name at all: the common name is none.
            (&[], &[], &[], refused),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(whose(uris, dns, emails), expected, "{uris:?} {dns:?} {emails:?}");
        }
    }

    #[test]
    fn a_certificate_ends_also_on_an_open_connection() {
        let certificate = ClientCertificate {
            uris: vec!["spiffe://acme/ana".to_owned()],
            until: Timestamp(1000),
            ..ClientCertificate::default()
        };
        let at = |ms| names().identify(&certificate, Timestamp(ms)).unwrap();
        assert_eq!(at(999).unwrap().until, Some(Timestamp(1000)));
        assert_eq!(at(1000).unwrap_err(), Invalid::Expired);
    }
}
