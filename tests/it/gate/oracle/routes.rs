//! What the tenants' routes may ask a backend.

use std::path::Path;

use crate::gate::backend::Asked;

/// One method and path that a tenant's route may ask.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Route {
    tenant: String,
    method: String,
    /// With the account that is fixed for the tenant.
    template: String,
    /// Only the backend's answer tells whose the object is, or that there is none.
    pub(super) by_answer: bool,
}

impl Route {
    /// Whether a request is one of this tenant's route, or `HEAD` of it.
    pub(super) fn is_of(&self, asked: &Asked) -> bool {
        let path = asked.target.split('?').next().unwrap();
        let known = self.method == asked.method || (&*self.method, &*asked.method) == ("GET", "HEAD");
        let fits =
            |(wanted, given): (&str, &str)| wanted == given || wanted.starts_with('{') && !given.is_empty();
        let as_long = self.template.split('/').count() == path.split('/').count();
        asked.all("headgate-tenant") == [&*self.tenant]
            && known
            && as_long
            && self.template.split('/').zip(path.split('/')).all(fits)
    }
}

/// All of them, in this folder: those of the tenants' own, and those of the presets that they use.
pub(super) fn declared(folder: &Path) -> Vec<Route> {
    let tenants = std::fs::read_dir(folder.join("tenants")).into_iter().flatten().map(Result::unwrap);
    let routes = tenants.filter_map(|tenant| {
        let text = std::fs::read_to_string(tenant.path().join("routes.toml")).ok()?;
        Some((tenant.file_name().into_string().unwrap(), text))
    });
    routes.flat_map(|(tenant, text)| of_tenant(&tenant, text)).collect()
}

fn of_tenant(tenant: &str, mut text: String) -> Vec<Route> {
    for preset in ["chatwoot", "crm-v4"] {
        if text.contains(&format!("use = [\"{preset}\"]")) {
            let path = format!("{}/src/config/presets/routes/{preset}.toml", env!("CARGO_MANIFEST_DIR"));
            text += &std::fs::read_to_string(path).unwrap();
        }
    }
    let fixed = text
        .split_once("fixed = { account = \"")
        .map(|(_, behind)| behind.split('"').next().unwrap().to_owned());
    let account = fixed.unwrap_or_else(|| "{account}".to_owned());
    let of_block = |block: &str| {
        let by_answer = [r#"object = "answer""#, r#"empty = "not-found""#];
        let by_answer = by_answer.iter().any(|of| block.replace('\'', "\"").contains(of));
        let requests = block.split(['"', '\'']).filter_map(request).map(|(method, path)| Route {
            tenant: tenant.to_owned(),
            method: method.to_owned(),
            template: path.replace("{account}", &account),
            by_answer,
        });
        requests.collect::<Vec<_>>()
    };
    text.split("[[route]]").flat_map(of_block).collect()
}

/// A method with a path.
fn request(text: &str) -> Option<(&str, &str)> {
    let (method, path) = text.split_once(' ')?;
    let is_one =
        method.bytes().all(|byte| byte.is_ascii_uppercase()) && path.starts_with('/') && !path.contains(' ');
    is_one.then_some((method, path))
}
