//! `identity.toml`.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use super::Check;
use crate::{
    config::{
        mistake::{KeyPath, Wrong},
        raw::{self, Name, Who},
        text::{HeaderText, Network},
    },
    identity::{
        Keys, KeysError, Sources, api_key_hash,
        settings::{
            ApiKey, Certificates, Introspection, Jwt, KeySource, LEEWAY_MAX, Native, Places, Proxy, San,
        },
    },
    ids::UserId,
};

/// Largest key set file, in bytes: as much as is fetched of one.
const JWKS_BYTES_MAX: u64 = 64 << 10;

/// What credentials of all tenants are told apart by, and who has each.
#[derive(Debug, Default)]
pub(in crate::config) struct Taken(Vec<(Mark, String)>);

/// What one source is told from all others by.
#[derive(Debug)]
enum Mark {
    Token {
        issuer: String,
        audience: Vec<String>,
    },
    /// No host: all that no other names.
    Opaque {
        hosts: Vec<String>,
    },
    ApiKey([u8; 32]),
    Certificate(San, String),
    Proxy {
        header: http::HeaderName,
        peers: Vec<ipnet::IpNet>,
    },
}

impl Mark {
    /// Whether something could be a credential of both.
    fn overlaps(&self, other: &Self) -> bool {
        let shared = |one: &[String], two: &[String]| one.iter().any(|name| two.contains(name));
        match (self, other) {
            (Self::Token { issuer, audience }, Self::Token { issuer: other, audience: of_other }) => {
                issuer == other && shared(audience, of_other)
            }
            (Self::Opaque { hosts }, Self::Opaque { hosts: others }) => {
                hosts.is_empty() && others.is_empty() || shared(hosts, others)
            }
            (Self::ApiKey(one), Self::ApiKey(two)) => one == two,
            (Self::Certificate(san, name), Self::Certificate(other, of_other)) => {
                (san, name) == (other, of_other)
            }
            (Self::Proxy { header, peers }, Self::Proxy { header: other, peers: of_other }) => {
                let meet = |one: &ipnet::IpNet, two: &ipnet::IpNet| one.contains(two) || two.contains(one);
                header == other && peers.iter().any(|one| of_other.iter().any(|two| meet(one, two)))
            }
            _ => false,
        }
    }
}

/// A tenant's sources, and the files they name.
pub(in crate::config) fn identity(check: &mut Check<'_>, raw: raw::Identity, taken: &mut Taken) -> Sources {
    let mut building = Building { check, taken };
    let top = KeyPath::default();
    Sources {
        jwt: building.each(&top.key("jwt"), raw.jwt, Building::jwt),
        introspection: building.each(&top.key("introspection"), raw.introspection, Building::introspection),
        api_keys: building.each(&top.key("api_key"), raw.api_key, Building::api_key),
        api_key_places: Places {
            headers: raw.api_key_in.headers.into_iter().map(|HeaderText(name)| name).collect(),
            query: raw.api_key_in.query,
        },
        certificates: building.each(&top.key("certificate"), raw.certificate, Building::certificate),
        proxies: building.each(&top.key("proxy"), raw.proxy, Building::proxy),
        native: Native { headers: raw.native.headers, query: raw.native.query, cookies: raw.native.cookies },
    }
}

struct Building<'a, 'c> {
    check: &'a mut Check<'c>,
    taken: &'a mut Taken,
}

impl Building<'_, '_> {
    /// Each table of a kind, as far as it is right.
    fn each<R, T>(
        &mut self,
        at: &KeyPath,
        raw: BTreeMap<Name, R>,
        build: impl Fn(&mut Self, &KeyPath, String, R) -> Option<T>,
    ) -> Vec<T> {
        raw.into_iter().filter_map(|(Name(name), raw)| build(self, &at.key(&name), name, raw)).collect()
    }

    /// Notes what a source is told apart by; if another has that already, it is a mistake.
    fn take(&mut self, at: &KeyPath, mark: Mark) {
        if let Some((_, by)) = self.taken.0.iter().find(|(other, _)| other.overlaps(&mark)) {
            self.check.wrong(at, Wrong::SameCredential { by: by.clone() });
        }
        let place = self.check.document.at(at);
        self.taken.0.push((mark, format!("{}: {}", place.file, place.path)));
    }

    fn jwt(&mut self, at: &KeyPath, name: String, raw: raw::Jwt) -> Option<Jwt> {
        if raw.leeway.0 > LEEWAY_MAX {
            self.check.wrong(&at.key("leeway"), Wrong::MoreThan { larger: "5m" });
        }
        for (key, value, larger, limit) in [
            ("cool_down", raw.cool_down, "refresh", raw.refresh),
            ("refresh", raw.refresh, "max_stale", raw.max_stale),
        ] {
            if value.0 > limit.0 {
                self.check.wrong(&at.key(key), Wrong::MoreThan { larger });
            }
        }
        let keys = match (&raw.jwks, &raw.jwks_file) {
            (Some(url), None) => self.check.secure(&at.key("jwks"), url).map(KeySource::Url),
            (None, Some(file)) => self.key_file(&at.key("jwks_file"), &file.0, &raw).map(KeySource::File),
            (None, None) | (Some(_), Some(_)) => {
                let wrong = Wrong::EitherOr { one: "jwks", other: "jwks_file" };
                self.check.lacks(&at.key(if raw.jwks.is_some() { "jwks_file" } else { "jwks" }), wrong);
                None
            }
        };
        let (issuer, audience) = (raw.issuer?, raw.audience?);
        self.take(at, Mark::Token { issuer: issuer.clone(), audience: audience.clone() });
        let kind = |kind: &String| {
            let kind = kind.to_ascii_lowercase();
            kind.strip_prefix("application/").map_or_else(|| kind.clone(), str::to_owned)
        };
        Some(Jwt {
            name,
            issuer,
            audience,
            keys: keys?,
            algorithms: raw.algorithms,
            types: raw.types.iter().map(kind).collect(),
            user: raw.user.0,
            leeway: raw.leeway.0,
            refresh: raw.refresh.0,
            cool_down: raw.cool_down.0,
            max_stale: raw.max_stale.0,
        })
    }

    fn key_file(&mut self, at: &KeyPath, file: &Path, raw: &raw::Jwt) -> Option<Arc<Keys>> {
        let path = self.check.resolved(file);
        let shown = file.display().to_string();
        let size = fs::metadata(&path).map_or(0, |meta| meta.len());
        let read = if size > JWKS_BYTES_MAX {
            Err(Wrong::JwksUnfit { file: shown, reason: KeysError::TooMany })
        } else {
            match fs::read(&path) {
                Ok(json) => Keys::read(&json, &raw.algorithms)
                    .map_err(|reason| Wrong::JwksUnfit { file: shown, reason }),
                Err(error) => Err(Wrong::PemUnreadable { file: shown, kind: error.kind() }),
            }
        };
        self.check.files.push(path);
        read.map(Arc::new).map_err(|wrong| self.check.wrong(at, wrong)).ok()
    }

    fn introspection(
        &mut self,
        at: &KeyPath,
        name: String,
        raw: raw::Introspection,
    ) -> Option<Introspection> {
        let url = raw.url.as_ref().and_then(|url| self.check.secure(&at.key("url"), url));
        let hosts: Vec<_> = raw.hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        for (index, host) in hosts.iter().enumerate() {
            let is_host = http::uri::Authority::try_from(host.as_str())
                .is_ok_and(|authority| authority.host() == host && !host.is_empty());
            if !is_host {
                self.check.wrong(&at.key("hosts").index(index), Wrong::Host);
            }
        }
        self.take(at, Mark::Opaque { hosts: hosts.clone() });
        Some(Introspection {
            name,
            url: url?,
            client_id: raw.client_id?,
            client_secret: raw.client_secret?.0,
            issuer: raw.issuer,
            audience: raw.audience,
            scopes: raw.scopes,
            hosts,
            user: raw.user.0,
            ttl: raw.ttl.0,
            negative_ttl: raw.negative_ttl.0,
        })
    }

    fn api_key(&mut self, at: &KeyPath, name: String, raw: raw::ApiKey) -> Option<ApiKey> {
        let Some(hash) = api_key_hash(&raw.hash?) else {
            self.check.wrong(&at.key("hash"), Wrong::KeyHash);
            return None;
        };
        self.take(&at.key("hash"), Mark::ApiKey(hash));
        let user = self.user(&at.key("user"), &raw.user?)?;
        Some(ApiKey { name, hash, user, until: raw.until.map(|moment| moment.0) })
    }

    fn certificate(&mut self, at: &KeyPath, _: String, raw: raw::ClientCertificate) -> Option<Certificates> {
        let (san, users) = (raw.san?, raw.users?);
        for name in users.keys() {
            self.take(&at.key("users").key(name), Mark::Certificate(san, name.clone()));
        }
        let mut by_name = BTreeMap::new();
        for (name, who) in users {
            let user = self.user(&at.key("users").key(&name), &who)?;
            by_name.insert(name, user);
        }
        Some(Certificates { san, users: by_name })
    }

    fn proxy(&mut self, at: &KeyPath, _: String, raw: raw::Proxy) -> Option<Proxy> {
        let HeaderText(header) = raw.header?;
        let peers: Vec<_> = raw.peers?.into_iter().map(|Network(network)| network).collect();
        if header == http::header::AUTHORIZATION {
            self.check.wrong(&at.key("header"), Wrong::ProxyHeader);
        }
        self.take(at, Mark::Proxy { header: header.clone(), peers: peers.clone() });
        Some(Proxy { peers, header })
    }

    fn user(&mut self, at: &KeyPath, Who(name): &Who) -> Option<UserId> {
        let user = crate::identity::user(name);
        if user.is_none() {
            self.check.wrong(at, Wrong::UserName);
        }
        user
    }
}
