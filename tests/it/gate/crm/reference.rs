//! A slow reference beside the gate: from what the small CRM says and who may see what there, the whole answer that each user must get of each list
//! and each object, without a line of the product's map, filter or policy.

use serde_json::{Map, Value, json};

use super::{
    Crm, USERS,
    api::{LEADS, may_view, subscribed, told},
};
use crate::gate::backend::Asked;

/// What nobody sees of an object, whoever they are, and of what stands in it.
const NOBODYS: [&str; 2] = ["internal", "_links"];
const NOBODYS_WITHIN: [&str; 3] = ["catalog_elements", "customers", "subscribers"];

/// What is left of an object of a kind, by itself or on a lead that its reader sees: who subscribes to a lead has its card, and of the contact on
/// a lead name and picture are everybody's who sees the lead.
fn left(user: &str, kind: &str, mut value: Value, on_lead: bool) -> Option<Value> {
    let id = u32::try_from(value["id"].as_u64().unwrap()).unwrap();
    let is_whole = may_view(user, kind, id);
    let card: &[&str] = match kind {
        "leads" if user == "12" && subscribed(id) => &["id", "name"],
        "contacts" if on_lead => &["id", "name", "picture"],
        _ if is_whole => &[],
        _ => return None,
    };
    let object = value.as_object_mut().unwrap();
    let within = object.remove("_embedded");
    object.retain(|name, _| if is_whole { !NOBODYS.contains(&&**name) } else { card.contains(&&**name) });
    if let Some(Value::Object(within)) = within {
        let within = within.into_iter().filter_map(|(name, value)| {
            let left = match &*name {
                "leads" | "contacts" | "companies" => those_left(user, &name, value, kind == "leads"),
                name if is_whole && !NOBODYS_WITHIN.contains(&name) => value,
                _ => return None,
            };
            Some((name, left))
        });
        object.insert("_embedded".to_owned(), within.collect::<Map<_, _>>().into());
    }
    Some(value)
}

fn those_left(user: &str, kind: &str, mut list: Value, on_lead: bool) -> Value {
    let items = list.as_array_mut().unwrap().drain(..);
    items.filter_map(|item| left(user, kind, item, on_lead)).collect()
}

/// What the CRM says, if there is anything to it.
fn said(path: &str) -> Option<Value> {
    let target = format!("/api/v4/{path}");
    let asked = Asked {
        method: "GET".to_owned(),
        target,
        headers: Vec::new(),
        body: String::new(),
        connection: 0,
        answered: 0,
    };
    let told = String::from_utf8(told(&asked)).unwrap();
    let (_, body) = told.split_once("\r\n\r\n").unwrap();
    (!body.is_empty()).then(|| serde_json::from_str(body).unwrap())
}

/// The pages of a list: as long as the CRM's, of what is left of its rows. A card answers no question about more than what stands on it.
fn pages(user: &str, kind: &str, query: &str, size: usize) -> Vec<Value> {
    let mut list =
        said(&format!("{kind}?{query}")).map_or(json!([]), |mut said| said["_embedded"][kind].take());
    if query.contains("filter") {
        let answers = |row: &Value| may_view(user, kind, u32::try_from(row["id"].as_u64().unwrap()).unwrap());
        list.as_array_mut().unwrap().retain(answers);
    }
    let rows = those_left(user, kind, list, false);
    let pages = rows.as_array().unwrap().chunks(size).zip(1..);
    pages.map(|(rows, page)| json!({"_page": page, "_embedded": {kind: rows}})).collect()
}

#[tokio::test]
async fn every_list_is_what_the_reference_leaves_of_it() {
    let crm = Crm::start().await;
    for (user, ..) in USERS {
        for kind in ["leads", "contacts", "companies", "tasks"] {
            for query in ["", "with=contacts,leads,companies", "filter[responsible_user_id]=11&with=contacts"]
            {
                for size in [50, 5] {
                    let pages = pages(user, kind, query, size);
                    for page in 1..=pages.len() + 1 {
                        let path = format!("{kind}?{query}&limit={size}&page={page}");
                        let answer = crm.get(user, &path).await;
                        match pages.get(page - 1) {
                            Some(expected) => {
                                assert_eq!(
                                    (answer.status, &answer.json()),
                                    (200, expected),
                                    "{user}: {path}"
                                );
                            }
                            None => assert_eq!((answer.status, &*answer.body), (204, ""), "{user}: {path}"),
                        }
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn every_object_is_what_the_reference_leaves_of_it() {
    let crm = Crm::start().await;
    for (user, ..) in USERS {
        for kind in ["leads", "contacts", "companies", "tasks"] {
            for id in 1..=LEADS {
                for query in ["", "?with=contacts,leads,companies"] {
                    let path = format!("{kind}/{id}{query}");
                    let answer = crm.get(user, &path).await;
                    match left(user, kind, said(&path).unwrap(), false) {
                        Some(expected) => {
                            assert_eq!((answer.status, answer.json()), (200, expected), "{user}: {path}");
                        }
                        None => assert_eq!(answer.status, 404, "{user}: {path}"),
                    }
                }
            }
        }
    }
}
