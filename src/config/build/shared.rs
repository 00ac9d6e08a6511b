//! Tenants that share a backend: what of its API is whose.
//!
//! A backend that gives every tenant's conversations the same kind of ids tells one from the other by the path alone, such
//! as `/accounts/1/…`. Where two tenants' routes take the same path, each would read and write what is the other's.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    config::{
        document::Document,
        mistake::{KeyPath, Report, Wrong},
        routes::{Part, RequestLine, RouteMap},
    },
    ids::TenantId,
};

/// A tenant's routes and the file that says them.
pub(in crate::config) struct Map<'a> {
    pub(in crate::config) tenant: &'a TenantId,
    pub(in crate::config) document: &'a Document,
    pub(in crate::config) routes: &'a RouteMap,
}

/// Notes, once for each tenant, that one of its routes takes what is another tenant's and is not said to be shared.
pub(in crate::config) fn check_shared(report: &mut Report, maps: &[Map<'_>]) {
    let beginnings: Vec<_> = maps.iter().map(|map| (map, beginnings(map))).collect();
    for (own, begin) in &beginnings {
        let others = beginnings.iter().filter(|(other, _)| other.tenant != own.tenant);
        let of_backend = others.filter(|(other, _)| other.routes.backend == own.routes.backend);
        // Most tenants are apart by the first part of every path, and need no closer look.
        let mut near = of_backend.filter(|(_, also)| !are_apart(begin, also)).map(|(other, _)| other);
        if let Some(wrong) = near.find_map(|other| taken(own, other)) {
            report.add(own.document.at(&KeyPath::default().key("backend")), wrong);
        }
    }
}

/// The first parts of a tenant's paths; `None`: any.
fn beginnings<'a>(map: &'a Map<'_>) -> BTreeSet<Option<&'a str>> {
    let routes = map.routes.routes.iter();
    routes.map(|route| route.matches.parts.first().and_then(|part| only(part, &map.routes.fixed))).collect()
}

fn are_apart(one: &BTreeSet<Option<&str>>, two: &BTreeSet<Option<&str>>) -> bool {
    !one.contains(&None) && !two.contains(&None) && one.is_disjoint(two)
}

/// The first route that takes what is another tenant's.
fn taken(own: &Map<'_>, other: &Map<'_>) -> Option<Wrong> {
    let unshared = own.routes.routes.iter().filter(|route| !route.shared);
    let mut pairs = unshared.flat_map(|route| other.routes.routes.iter().map(move |theirs| (route, theirs)));
    let meet =
        |one: &RequestLine, two: &RequestLine| meet((one, &own.routes.fixed), (two, &other.routes.fixed));
    let (route, theirs) = pairs.find(|(route, theirs)| meet(&route.matches, &theirs.matches))?;
    let (route, other_route) = (route.name.clone(), theirs.name.clone());
    Some(Wrong::RouteOfTwoTenants { route, other: other_route, tenant: other.tenant.to_string() })
}

/// A line with the parameters that have one value.
type Fixed<'a> = (&'a RequestLine, &'a BTreeMap<String, String>);

/// Whether there is a path that both take. The method tells nothing: what one reads, the other writes.
fn meet((one, fixed): Fixed<'_>, (two, also): Fixed<'_>) -> bool {
    let mut parts = one.parts.iter().zip(&two.parts);
    one.parts.len() == two.parts.len()
        && parts.all(|(one, two)| match (only(one, fixed), only(two, also)) {
            (Some(one), Some(two)) => one == two,
            _ => true,
        })
}

/// The one text that a part can be.
fn only<'a>(part: &'a Part, fixed: &'a BTreeMap<String, String>) -> Option<&'a str> {
    match part {
        Part::Literal(text) => Some(text),
        Part::Parameter(name) => fixed.get(name).map(String::as_str),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    const HEADGATE: &str = r#"
[backend.chat]
urls = ["http://127.0.0.1:3000/in"]
api = ["http://127.0.0.1:3000"]
keys = ["whsec_ZXhhbXBsZS1rZXktZXhhbXBsZS1rZXktMTI="]
[store]
path = "data"
"#;

    #[test]
    fn two_tenants_take_no_path_of_one_backend_unless_they_say_so() {
        let headgate = HEADGATE;
        let map = |more: &str, path: &str| {
            format!(
                "{more}\nbackend = 'chat'\n[[route]]\nmatch = 'GET {path}'\nresource = 'contact'\naction = 'view'\nkeep = ['']\n"
            )
        };
        let told = |acme: &str, globex: &str| {
            let folder = tempfile::tempdir().unwrap();
            for (file, text) in [
                ("headgate.toml", headgate),
                ("tenants/acme/roles.toml", "use = ['base']"),
                ("tenants/acme/routes.toml", acme),
                ("tenants/globex/roles.toml", "use = ['base']"),
                ("tenants/globex/routes.toml", globex),
            ] {
                let path = folder.path().join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            Config::load(folder.path(), &|_| None).map(drop).map_err(|mistakes| mistakes.to_string())
        };
        let (path, one, two) =
            ("/accounts/{account}/x", "fixed = { account = '1' }", "fixed = { account = '2' }");
        for (acme, globex) in [
            (map(one, path), map(two, path)),
            (map(one, path), map("", "/accounts/2/x")),
            (map("", "/acme/x"), map("", "/globex/x")),
            (map("", "/x"), map("", "/x/y")),
            (map("shared = ['*']", path), map("shared = ['GET /accounts/{account}/x']", path)),
        ] {
            assert_eq!(told(&acme, &globex), Ok(()), "{acme}{globex}");
        }
        for (acme, globex) in [
            (map("", path), map("", path)),
            (map(one, path), map(one, path)),
            (map(one, path), map("", path)),
            (map(one, path), map("", "/accounts/1/x")),
            (map(one, path), map("shared = ['*']", path)),
        ] {
            let told = told(&acme, &globex).unwrap_err();
            let expected =
                format!("tenants/acme/routes.toml:2: backend: `GET {path}` takes paths that `GET ");
            assert!(told.contains(&expected) && told.contains("` of tenant `globex` takes"), "{told}");
        }
        let unknown = told(&map("shared = ['GET /y']", "/x"), &map("", "/z")).unwrap_err();
        assert!(unknown.contains("tenants/acme/routes.toml:1: shared[0]: "), "{unknown}");
    }
}
