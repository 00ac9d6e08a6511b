//! Each line of the map by which something is searched or ordered, or by which none is written, is tried by an administrator who lacks one thing.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    Crm,
    api::{tied, told, told_without_ties},
};
use crate::gate::map::{Map, assert_each_has_a_sample};

/// A route, a name in its questions, such a question, and all that it looks at.
const QUESTIONS: [(&str, &str, &str, &[&str]); 11] = [
    ("GET leads", "query", "query=6281", &["name", "price", "custom_fields_values"]),
    ("GET contacts", "query", "query=6281", &["name", "first_name", "last_name", "custom_fields_values"]),
    ("GET companies", "query", "query=6281", &["name", "custom_fields_values"]),
    ("GET leads", "filter", "filter[price][from]=100", &["price"]),
    ("GET leads", "order", "order[price]=desc", &["price"]),
    ("GET contacts", "filter", "filter[created_at][from]=1", &["created_at"]),
    ("GET contacts", "order", "order[updated_at]=asc", &["updated_at"]),
    ("GET companies", "filter", "filter[name]=a", &["name"]),
    ("GET companies", "order", "order[updated_at]=asc", &["updated_at"]),
    ("GET tasks", "filter", "filter[is_completed]=0", &["is_completed"]),
    ("GET tasks", "order", "order[complete_till]=asc", &["complete_till"]),
];

/// An entity, and a place where others stand on it, with how both are called in paths and the others' resource. Where there are none, the CRM has a
/// list without items.
const TIES: [([&str; 2], [&str; 2], &str); 6] = [
    (["lead", "/_embedded/contacts"], ["leads", "contacts"], "contact"),
    (["lead", "/_embedded/companies"], ["leads", "companies"], "company"),
    (["contact", "/_embedded/companies"], ["contacts", "companies"], "company"),
    (["contact", "/_embedded/leads"], ["contacts", "leads"], "lead"),
    (["company", "/_embedded/contacts"], ["companies", "contacts"], "contact"),
    (["company", "/_embedded/leads"], ["companies", "leads"], "lead"),
];

/// Roles without cards, of which the administrator, who is 13, lacks what more of it says.
fn roles(more: &str) -> String {
    let all = "[role.\"kommo.administrator\".grants]\n\"*\" = { \"*\" = \"all\" }\n";
    format!("use = [\"base\"]\n[role.seller.grants]\nlead = {{ list = \"own\" }}\n{all}{more}")
}

fn owned<const N: usize>(texts: [&str; N]) -> [String; N] {
    texts.map(str::to_owned)
}

#[test]
fn every_line_of_the_map_is_tried_here() {
    let map = Map::crm();
    let searched = QUESTIONS.iter().filter(|(_, name, ..)| *name == "query");
    let searched =
        searched.flat_map(|(route, name, _, fields)| fields.iter().map(|field| owned([route, name, field])));
    assert_each_has_a_sample(&map.searches(), &searched.collect());
    let named = QUESTIONS.iter().filter(|(_, name, ..)| *name != "query");
    assert_each_has_a_sample(&map.named_at(), &named.map(|(route, at, ..)| owned([route, at])).collect());
    assert_each_has_a_sample(&map.nones(), &TIES.iter().map(|(of, ..)| owned(*of)).collect());
    assert_each_has_a_sample(&map.aliases(), &BTreeSet::new());
}

#[tokio::test]
async fn who_lacks_one_field_finds_and_orders_nothing_by_it() {
    let map = Map::crm();
    let fields = QUESTIONS.iter().flat_map(|(route, _, _, fields)| {
        let entity = map.shown_by(route);
        fields.iter().map(move |field| (entity.clone(), *field))
    });
    for (resource, field) in fields.collect::<BTreeSet<_>>() {
        let hidden = format!("[role.\"kommo.administrator\".fields.{resource}]\nhidden = [\"{field}\"]\n");
        let crm = Crm::with(told, &roles(&hidden)).await;
        for (route, _, query, looked_at) in QUESTIONS {
            let path = format!("{}?{query}", route.strip_prefix("GET ").unwrap());
            let hides = map.shown_by(route) == resource && looked_at.contains(&field);
            let before = crm.backend.lines().len();
            let answer = crm.get("13", &path).await;
            let told = format!("without {resource}.{field}: {path}: {answer:?}");
            assert_eq!(answer.status, if hides { 400 } else { 200 }, "{told}");
            assert_eq!(crm.backend.lines().len() == before, hides, "{told}");
        }
    }
}

#[tokio::test]
async fn what_is_hidden_on_an_object_is_to_the_byte_what_the_crm_writes_of_none() {
    assert_eq!(tied(2).len(), 2);
    for hidden in ["contact", "company", "lead"] {
        let roles = roles(&format!("{hidden} = {{ view = \"none\", \"*\" = \"all\" }}\n"));
        let (crm, without) = (Crm::with(told, &roles).await, Crm::with(told_without_ties, &roles).await);
        for ([_, place], [kind, others], _) in TIES.iter().filter(|(.., resource)| *resource == hidden) {
            let path = format!("{kind}/2?with={others}");
            let (answer, none) = (crm.get("13", &path).await, without.get("13", &path).await);
            assert_eq!((answer.status, &answer.body), (200, &none.body), "{path}");
            assert_eq!(none.json().pointer(place), Some(&json!([])), "{path}: {}", none.body);
        }
    }
}
