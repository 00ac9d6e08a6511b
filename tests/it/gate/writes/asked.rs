//! The questions by which a hidden field could be read off.

use serde_json::json;

use super::{FORM, JSON, world};

#[tokio::test]
async fn a15_no_field_of_a_question_makes_another_method_of_it() {
    let world = world().await;
    let multipart = "multipart/form-data; boundary=xYz";
    let part = "--xYz\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\ndelete\r\n--xYz--\r\n";
    for (media, body) in [
        (FORM, "_method=delete&order_by=name"),
        (FORM, "_METHOD=delete"),
        (FORM, "_charset_=utf-7&order_by=name"),
        (multipart, part),
        (JSON, r#"{"_method": "delete", "order_by": "name"}"#),
        (JSON, r#"{"order_by": "name", "_charset_": "utf-7"}"#),
    ] {
        let (answer, reached) = world.typed("POST /ask/contacts/501", media, body).await;
        assert_eq!((answer.status, answer.problem().as_str(), reached), (400, "body", false), "{body}");
    }
    assert!(world.typed("POST /ask/contacts/501", FORM, "order_by=name").await.1);
}

#[tokio::test]
async fn a_question_about_a_hidden_field_is_one_about_none() {
    let world = world().await;
    for (query, taken) in [
        ("sort=name", true),
        ("sort=-name,owner.desc", true),
        ("sort=phone_number", false),
        ("sort=-phone_number", false),
        ("sort=name,phone_number.desc", false),
        ("order=1&group_by=phone_number", false),
        ("sort[]=phone_number", false),
        ("sort[phone_number]=asc", false),
        ("filter[phone_number]=%2B1", false),
        ("filter[phone_number][eq]=1", false),
        ("filter[contact][phone_number]=1", false),
        ("filter%5Bphone%5Fnumber%5D=1", false),
        ("filter[name]=x", true),
        ("phone_number=%2B1", false),
        ("a=1;sort=phone_number", false),
        ("q=%2B62", false),
        // Whatever stands before or behind it.
        ("phone_number__startswith=62", false),
        ("phoneNumberGt=62", false),
        ("min_phone_number=62", false),
        ("s[phone_number_start]=62", false),
        ("s[name_or_phone_number_cont]=62", false),
        ("filter[phone_number_cont]=62", false),
        ("sort=phone_number_desc", false),
        ("sort=name_desc", true),
        ("filter[name_cont]=x", true),
        ("phone=62", true),
        ("numbers_of_phones=2", true),
        // Those who cut at `;`, and those who do not.
        ("filter=name!=x;phone_number%3E62", false),
        ("filter=name!=x;owner%3E62", true),
        // Where fields are named, also if the route does not say so.
        ("order=phone_number", false),
        ("order_by=-phoneNumber", false),
        ("$orderby=phone_number%20desc", false),
        ("where=phone_number%3E62", false),
        ("filters[0][field]=phone_number", false),
        ("options[sort]=phone_number", false),
        ("params[order][by]=phone_number", false),
        ("sort_column=phone_number", false),
        ("ordered_by=-phone_number", false),
        ("options[sort]=name", true),
        ("order=name", true),
        ("where=created_at%3E62", true),
        ("name=x", true),
        ("page=2", true),
    ] {
        let before = world.writes();
        let answer = world.get("ana", &format!("/ask/contacts/501?{query}")).await;
        assert_eq!(answer.status != 400, taken, "{query}: {answer:?}");
        assert_eq!(world.writes() > before, taken, "{query}");
        assert_ne!(world.get("sue", &format!("/ask/contacts/501?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn where_a_route_lists_what_may_be_asked_a_hidden_field_is_like_an_unknown_one() {
    let world = world().await;
    let mut answers = Vec::new();
    for name in ["phone_number", "phone_numbe2"] {
        let mut answer = world.get("ana", &format!("/listed/contacts/501?sort={name}")).await;
        assert_eq!(answer.status, 400);
        let id = answer.header("headgate-decision").unwrap().to_owned();
        answer.headers.retain(|(name, _)| name != "date" && name != "headgate-decision");
        answers.push((answer.headers, answer.body.replace(&id, "ID").replace(name, "NAME")));
    }
    assert_eq!(answers[0], answers[1]);
    for query in ["filter=name;vip", "filter=name%3Bvip", "order=vip", "where[vip]=1"] {
        assert_eq!(world.get("ana", &format!("/listed/contacts/501?{query}")).await.status, 400, "{query}");
    }
    for query in ["sort=-name", "filter[owner]=anything", "filter[name][like]=x", "filter=name;owner"] {
        assert_ne!(world.get("ana", &format!("/listed/contacts/501?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn a_filter_in_a_body_names_no_hidden_field() {
    let world = world().await;
    let key = |key: &str| json!({"payload": [{"attribute_key": "name"}, {"attribute_key": key}]});
    for (body, taken) in [
        (key("owner"), true),
        (key("phone_number"), false),
        (key("contact.phone_number"), false),
        (json!({"order_by": "-phone_number"}), false),
        (json!({"order_by": {"phone_number": "asc"}}), false),
        (json!({"where": {"phone_number": "1"}}), false),
        (key("phone_number_cont"), false),
        (json!({"sort": "phone_number"}), false),
        (json!({"sort": [{"phone_number": "desc"}]}), false),
        (json!({"filters": [{"field": "phone_number", "is": 1}]}), false),
        (json!({"filters": {"any": ["name", "phone_number_gt"]}}), false),
        (json!({"sort": "name"}), true),
        (json!({"filters": [{"field": "name", "is": 1}]}), true),
        (json!({"order_by": "name"}), true),
    ] {
        let (status, reached) = world.json_as("ana", "POST /ask/contacts/501", &body).await;
        assert_eq!((status != 400, reached), (taken, taken), "{body}: {status}");
    }
}

super::super::obeying::once_more!(
    a15_no_field_of_a_question_makes_another_method_of_it,
    a_question_about_a_hidden_field_is_one_about_none,
    where_a_route_lists_what_may_be_asked_a_hidden_field_is_like_an_unknown_one,
    a_filter_in_a_body_names_no_hidden_field,
);
