//! `multipart/form-data` (RFC 7578), read by the letter.
//!
//! Readers of multiparts are lenient, each in its own way: about line ends, about what stands before the first boundary
//! and behind the last, about names without quotation marks or in other charsets. What a browser or a client library
//! writes needs none of that, so nothing of it is taken; `multer` is the judge in the tests.

use super::{fields::Fields, form::Names};
use crate::gate::body::UnfitBody;

/// Bytes of the headers of one part.
const PART_HEADER_BYTES_MAX: usize = 4096;

/// The fields of a form with this boundary. A file is a field, of which the value is not known: where it has no name but an
/// extended or an empty one, some readers take it for a text, others for none.
///
/// # Errors
/// [`UnfitBody::Multipart`] if it is not a whole form as everybody writes one; that of a form's names otherwise.
pub fn fields(body: &[u8], boundary: &str) -> Result<Fields, UnfitBody> {
    let delimiter = format!("--{boundary}");
    let mut names = Names::default();
    let mut rest = body.strip_prefix(delimiter.as_bytes()).ok_or(UnfitBody::Multipart)?;
    while !matches!(rest, b"--" | b"--\r\n") {
        let part = rest.strip_prefix(b"\r\n").ok_or(UnfitBody::Multipart)?;
        // A boundary that stands anywhere else than at the end of a part would be one to some readers.
        let end = find(part, delimiter.as_bytes()).ok_or(UnfitBody::Multipart)?;
        let (part, after) = part.split_at_checked(end).ok_or(UnfitBody::Multipart)?;
        let part = part.strip_suffix(b"\r\n").ok_or(UnfitBody::Multipart)?;
        let (name, text) = self::part(part)?;
        names.add(&name, text)?;
        rest = after.get(delimiter.len()..).unwrap_or_default();
    }
    names.fields()
}

/// Name and text of a part; a file has none.
fn part(part: &[u8]) -> Result<(String, Option<String>), UnfitBody> {
    let end =
        find(part, b"\r\n\r\n").filter(|end| *end <= PART_HEADER_BYTES_MAX).ok_or(UnfitBody::Multipart)?;
    let (head, content) = part.split_at_checked(end).ok_or(UnfitBody::Multipart)?;
    let content = content.get(4..).unwrap_or_default();
    let head = std::str::from_utf8(head).map_err(|_not_utf8| UnfitBody::Multipart)?;
    let head = Head::read(head).ok_or(UnfitBody::Multipart)?;
    if head.is_file {
        return Ok((head.name, None));
    }
    let text = String::from_utf8(content.to_vec()).map_err(|_not_utf8| UnfitBody::Multipart)?;
    Ok((head.name, Some(text)))
}

/// What the headers of a part say.
#[derive(Debug, Default)]
struct Head {
    name: String,
    is_file: bool,
}

impl Head {
    fn read(text: &str) -> Option<Self> {
        let mut disposition = None;
        let mut media = None;
        let mut encoding = None;
        for line in text.split("\r\n") {
            if line.contains(|c: char| c.is_control() && c != '\t') {
                return None;
            }
            let (name, value) = line.split_once(':')?;
            let seen = match name.to_ascii_lowercase().as_str() {
                "content-disposition" => disposition.replace(value.trim()),
                "content-type" => media.replace(value.trim()),
                "content-transfer-encoding" => encoding.replace(value.trim()),
                _ => return None,
            };
            if seen.is_some() {
                return None;
            }
        }
        let plain = encoding
            .is_none_or(|way| matches!(way.to_ascii_lowercase().as_str(), "7bit" | "8bit" | "binary"));
        let head = Self::disposed(disposition?)?;
        let media = media.unwrap_or("text/plain").to_ascii_lowercase();
        let readable = if head.is_file { !media.starts_with("multipart/") } else { is_text(&media) };
        (plain && readable).then_some(head)
    }

    /// `form-data; name="a"; filename="b"`, in any order.
    fn disposed(value: &str) -> Option<Self> {
        let mut rest = value.strip_prefix("form-data")?;
        let (mut name, mut file, mut extended) = (None, None, None);
        while !rest.is_empty() {
            let (key, after) = rest.strip_prefix(';')?.trim_start().split_once('=')?;
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                // Only the extended form of a file's name stands without quotation marks.
                None if key == "filename*" => after.find(';').map_or((after, ""), |end| after.split_at(end)),
                None => return None,
            };
            let slot = match key {
                "name" => &mut name,
                "filename" => &mut file,
                "filename*" => &mut extended,
                _ => return None,
            };
            // A backslash before a quotation mark is the mark itself to some readers, and some look for the next
            // parameter in a file's name too.
            let doubtful = value.contains('\\') || (key != "name" && value.contains([';', '"', '=']));
            if doubtful || slot.replace(value).is_some() {
                return None;
            }
            rest = after;
        }
        Some(Self { name: name?.to_owned(), is_file: file.or(extended).is_some() })
    }
}

/// The media type of a part that is a text as it stands.
fn is_text(media: &str) -> bool {
    let mut parts = media.split(';').map(str::trim);
    parts.next() == Some("text/plain")
        && parts.all(|parameter| matches!(parameter, "charset=utf-8" | "charset=\"utf-8\""))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A form of parts, each with its headers and its content.
    fn form(parts: &[(&str, &str)]) -> Vec<u8> {
        let parts = parts.iter().map(|(head, content)| format!("--x\r\n{head}\r\n\r\n{content}\r\n"));
        (parts.collect::<String>() + "--x--\r\n").into_bytes()
    }

    #[test]
    fn parts_are_fields_and_so_are_files() {
        let body = form(&[
            ("Content-Disposition: form-data; name=\"contact[name]\"", "Bo\r\n"),
            (
                "content-disposition: form-data; name=\"ids[]\"\r\nContent-Type: text/plain; charset=utf-8",
                "1",
            ),
            ("Content-Disposition: form-data; name=\"ids[]\"", "2"),
            (
                "Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png",
                "\u{1}\r\n--",
            ),
            (
                "Content-Disposition: form-data; filename*=UTF-8''a.png; name=\"b\"\r\nContent-Transfer-Encoding: binary",
                "",
            ),
        ]);
        let expected = json!({"contact": {"name": "Bo\r\n"}, "ids": ["1", "2"], "file": null, "b": null});
        let fields = fields(&body, "x").unwrap();
        assert_eq!(fields.tree(), expected);
        let unknown = fields.written().filter(|(_, given)| given.unknown).map(|(way, _)| way.join("."));
        assert_eq!(unknown.collect::<Vec<_>>(), ["b", "file"], "what a file says");
        assert_eq!(super::fields(b"--x--", "x").map(|fields| fields.is_empty()), Ok(true));
    }

    #[test]
    fn what_another_reader_could_read_otherwise_is_not_taken() {
        let name = "Content-Disposition: form-data; name=\"a\"";
        for head in [
            "",
            "Content-Disposition: form-data",
            "Content-Disposition: form-data; name=a",
            "Content-Disposition: form-data; name='a'",
            "Content-Disposition: form-data; name=\"a\\\"; name=b\"",
            "Content-Disposition: form-data; name=\"a\"; name=\"b\"",
            "Content-Disposition: form-data; name*=UTF-8''b; name=\"a\"",
            "Content-Disposition: form-data; name=\"a\"; filename=\"b",
            "Content-Disposition: attachment; name=\"a\"",
            &format!("{name}\r\n{name}"),
            &format!("{name}\r\n folded: b"),
            &format!("{name}\nX: b"),
            &format!("{name}\r\nX-Other: b"),
            &format!("{name}\r\nContent-Type: application/json"),
            &format!("{name}\r\nContent-Type: text/plain; charset=utf-7"),
            &format!("{name}\r\nContent-Transfer-Encoding: base64"),
            &format!("{name}; filename=\"b\"\r\nContent-Type: multipart/mixed; boundary=y"),
        ] {
            assert_eq!(fields(&form(&[(head, "1")]), "x"), Err(UnfitBody::Multipart), "{head}");
        }
        let whole = String::from_utf8(form(&[(name, "1")])).unwrap();
        for body in [
            String::new(),
            format!("preamble\r\n{whole}"),
            format!("\r\n{whole}"),
            format!("{whole}epilogue"),
            whole.replace("\r\n", "\n"),
            whole.replacen("--x\r\n", "--x \r\n", 1),
            whole.replace("--x--\r\n", ""),
            whole.replace("1\r\n", "1\n"),
            whole.replace('1', "1\n--x\nContent-Disposition: form-data; name=\"b\"\n\n2"),
            whole.replace('1', "1\r\n--xy\r\n"),
        ] {
            assert_eq!(fields(body.as_bytes(), "x"), Err(UnfitBody::Multipart), "{body}");
        }
        assert_eq!(fields(&form(&[(name, "1"), (name, "2")]), "x"), Err(UnfitBody::Form));
        assert_eq!(
            fields(&form(&[("Content-Disposition: form-data; name=\"a%22\"", "1")]), "x"),
            Err(UnfitBody::Form)
        );
    }
}
