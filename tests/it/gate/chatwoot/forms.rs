//! What a panel sends as a form, since a file comes with it: a message with attachments, a contact with a picture.

use super::house::House;

const FORM: &str = "multipart/form-data; boundary=in-between";

/// A form of these fields; one with a file name is a file.
fn form(fields: &[(&str, &str)]) -> String {
    let field = |(name, value): &(&str, &str)| {
        let (name, kind) = match name.strip_suffix('@') {
            Some(file) => (format!("{file}\"; filename=\"a.png"), "Content-Type: image/png\r\n"),
            None => ((*name).to_owned(), ""),
        };
        format!("--in-between\r\nContent-Disposition: form-data; name=\"{name}\"\r\n{kind}\r\n{value}\r\n")
    };
    format!("{}--in-between--\r\n", fields.iter().map(field).collect::<String>())
}

/// A form's fields: name and value; a name with `@` behind it is that of a file.
type Fields<'a> = &'a [(&'a str, &'a str)];

/// Who is answered how, and that what arrives is what was sent, or nothing.
async fn check(method: &str, path: &str, cases: &[(&str, Fields<'_>, u16)]) {
    let house = House::start().await;
    for (user, fields, status) in cases {
        let before = house.backend.seen().len();
        let sent = form(fields);
        let answer = house.send_as(user, method, path, Some((FORM, &sent))).await;
        assert_eq!(answer.status, *status, "{user} {path} {fields:?}: {answer:?}");
        let arrived: Vec<_> = house.backend.seen().split_off(before);
        let arrived: Vec<_> =
            arrived.iter().filter(|asked| asked.method == method).map(|asked| &asked.body).collect();
        let expected = if *status < 300 { vec![&sent] } else { Vec::new() };
        assert_eq!(arrived, expected, "{user} {path} {fields:?}");
    }
}

#[tokio::test]
async fn a_file_comes_with_a_message_of_who_may_send_both() {
    let text = [("content", "look")].as_slice();
    let file = [("content", "look"), ("private", "false"), ("attachments[]@", "picture")].as_slice();
    let note = [("content", "look"), ("private", "true")].as_slice();
    let noted_file = [("content", "look"), ("private", "true"), ("attachments[]@", "picture")].as_slice();
    let twice = [("content", "look"), ("private", "false"), ("private", "true")].as_slice();
    let cases = [
        ("1", text, 200),
        ("1", file, 200),
        ("1", noted_file, 200),
        ("5", file, 200),
        // Without media; without notes, to whom there are none; a beginner; another agent.
        ("6", text, 200),
        ("6", file, 403),
        ("7", file, 200),
        ("7", note, 404),
        ("7", noted_file, 404),
        ("7", twice, 400),
        ("9", text, 403),
        ("3", file, 404),
    ];
    check("POST", "conversations/4/messages", &cases).await;
    check("POST", "conversations/4/messages?private=true", &[("7", text, 404), ("7", file, 400)]).await;
}

#[tokio::test]
async fn a_picture_comes_with_a_contact_and_a_hidden_number_does_not() {
    let picture = [("name", "Ana"), ("avatar@", "picture")].as_slice();
    let number = [("name", "Ana"), ("phone_number", "+6281200000504"), ("avatar@", "picture")].as_slice();
    let addresses = [("name", "Ana"), ("emails[]", "ana@shop.example")].as_slice();
    let cases = [
        ("1", picture, 200),
        ("1", number, 200),
        ("1", addresses, 200),
        ("3", picture, 200),
        ("3", number, 403),
        ("3", addresses, 403),
        ("9", picture, 403),
    ];
    check("PATCH", "contacts/504", &cases).await;
    check("PUT", "contacts/504", &cases).await;
    check("POST", "contacts", &cases).await;
}

#[tokio::test]
async fn a_conversation_begins_with_a_file_by_who_may_send_it() {
    let with =
        |rest: &[(&'static str, &'static str)]| [&[("contact_id", "504"), ("inbox_id", "4")], rest].concat();
    let (nothing, text) = (with(&[]), with(&[("message[content]", "look")]));
    let file = with(&[("message[content]", "look"), ("message[attachments][]@", "picture")]);
    let cases = [
        ("1", text.as_slice(), 200),
        ("1", file.as_slice(), 200),
        ("5", file.as_slice(), 200),
        ("9", nothing.as_slice(), 200),
        ("9", file.as_slice(), 403),
    ];
    check("POST", "conversations", &cases).await;
}
