//! Telling mails that no person wrote: they are marked, so that nothing answers them (`providers.md`
//! section 8).

use super::{Headers, headers};
use crate::channel::event::Automatic;

/// Why a mail is not a person's, or `None`.
///
/// `envelope_from` is the envelope sender, empty for the null sender `<>`; `reported` says that a part
/// of the mail is a delivery report. Such a part alone makes no bounce: people forward them.
pub(super) fn of(headers: &Headers, envelope_from: Option<&str>, reported: bool) -> Option<Automatic> {
    let report = headers.first("Content-Type").and_then(headers::content_type).filter(|content_type| {
        content_type.ctype().eq_ignore_ascii_case("multipart")
            && content_type.subtype().is_some_and(|subtype| subtype.eq_ignore_ascii_case("report"))
    });
    if report.as_ref().is_some_and(is_of_delivery) {
        return Some(Automatic::Bounce);
    }
    let null_sender = envelope_from.map_or_else(
        || headers.first("Return-Path").is_some_and(|path| path.replace(char::is_whitespace, "") == "<>"),
        |sender| sender.trim().trim_matches(['<', '>']).is_empty(),
    );
    let system = is_from_mail_system(headers);
    if null_sender && system || reported && (null_sender || system) {
        return Some(Automatic::Bounce);
    }
    let submitted = headers.first("Auto-Submitted").map(first_word);
    let precedence = headers.first("Precedence").map(first_word).unwrap_or_default();
    let replied = submitted.as_deref().is_some_and(|word| word.starts_with("auto-replied"))
        || headers.has("X-Autoreply")
        || precedence == "auto_reply";
    let bulk = matches!(precedence.as_str(), "bulk" | "junk" | "list") || headers.has("List-Id");
    let generated = submitted.is_some_and(|word| word != "no")
        || headers.has("X-Auto-Response-Suppress")
        || null_sender
        || report.is_some();
    if replied {
        Some(Automatic::AutoReply)
    } else if bulk {
        Some(Automatic::Bulk)
    } else {
        generated.then_some(Automatic::AutoReply)
    }
}

/// A report is of delivery unless it says that it is another kind (a read receipt, a complaint).
fn is_of_delivery(report: &mail_parser::ContentType<'_>) -> bool {
    report.attribute("report-type").is_none_or(|kind| kind.eq_ignore_ascii_case("delivery-status"))
}

fn is_from_mail_system(headers: &Headers) -> bool {
    headers.first("From").map(headers::addresses).unwrap_or_default().iter().any(|from| {
        let local = from.id.split('@').next().unwrap_or_default().to_ascii_lowercase();
        local == "mailer-daemon" || local == "postmaster"
    })
}

fn first_word(value: &str) -> String {
    value.split([';', ' ', '\t', '(']).next().unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_of_programs_are_told_from_mails_of_people() {
        use Automatic::{AutoReply, Bounce, Bulk};
        for (block, envelope_from, want) in [
            ("Subject: hello", Some("ana@x.example"), None),
            ("Auto-Submitted: no", None, None),
            ("Auto-Submitted: No (a person)", None, None),
            ("Auto-Submitted: auto-replied (vacation)", None, Some(AutoReply)),
            ("Auto-Submitted: auto-generated", None, Some(AutoReply)),
            ("X-Autoreply: yes\nPrecedence: bulk", None, Some(AutoReply)),
            ("Precedence: auto_reply", None, Some(AutoReply)),
            ("X-Auto-Response-Suppress: All", None, Some(AutoReply)),
            ("Precedence: bulk", None, Some(Bulk)),
            ("Precedence: JUNK", None, Some(Bulk)),
            ("Precedence: list", None, Some(Bulk)),
            ("List-Id: <news.x.example>", None, Some(Bulk)),
            ("Return-Path: <>", None, Some(AutoReply)),
            ("Return-Path: < >\nFrom: MAILER-DAEMON@x.example", None, Some(Bounce)),
            ("Return-Path: <>", Some("ana@x.example"), None),
            ("From: ana@x.example", Some(""), Some(AutoReply)),
            ("Content-Type: multipart/report; report-type=delivery-status; boundary=b", None, Some(Bounce)),
            ("Content-Type: multipart/report; boundary=b", None, Some(Bounce)),
            ("Content-Type: multipart/report; report-type=disposition-notification", None, Some(AutoReply)),
        ] {
            let headers = Headers::read(format!("{block}\n\n").as_bytes());
            assert_eq!(of(&headers, envelope_from, false), want, "{block}");
        }
    }

    #[test]
    fn a_delivery_report_counts_if_a_mail_system_sent_it() {
        let of = |block: &str, envelope_from| of(&Headers::read(block.as_bytes()), envelope_from, true);
        assert_eq!(of("From: postmaster@x.example\n\n", None), Some(Automatic::Bounce));
        assert_eq!(of("", Some("")), Some(Automatic::Bounce));
        assert_eq!(of("From: ana@x.example\n\n", Some("ana@x.example")), None);
    }
}
