//! The `message` object of LINE: what was written, shown or sent.

use crate::channel::{
    event::{Kind, Media, Message},
    json::Members,
};

/// A message from a user. A type that is not known is kept with its name.
pub(super) fn received(content: &Members<'_>) -> serde_json::Result<(Kind, Message)> {
    let r#type: String = content.need("type")?;
    let mut message = written(content)?;
    match r#type.as_str() {
        "text" => {}
        "image" => message.media.push(held(content, "image")?),
        "video" => message.media.push(held(content, "video")?),
        "audio" => message.media.push(held(content, "audio")?),
        "file" => message.media.push(held(content, "file")?),
        "sticker" => {
            let id = content.id("stickerId")?;
            message.media.push(Media { kind: "sticker".into(), id, ..Media::default() });
        }
        "location" => message.media.push(Media { kind: "location".into(), ..Media::default() }),
        _ => {
            message.subtype = Some(r#type.into());
            return Ok((Kind::Unknown, message));
        }
    }
    Ok((Kind::MessageReceived, message))
}

/// What every type of message may have. An edited message keeps its id.
pub(super) fn written(content: &Members<'_>) -> serde_json::Result<Message> {
    // Several images that were sent together.
    let image_set: Members<'_> = content.read("imageSet")?.unwrap_or_default();
    Ok(Message {
        id: content.id("id")?,
        text: content.read("text")?,
        reply_to: content.id("quotedMessageId")?,
        album: image_set.id("id")?,
        ..Message::default()
    })
}

/// Media whose bytes LINE holds under the message's id, or that are at a URL
/// (`contentProvider.type` = `external`).
fn held(content: &Members<'_>, kind: &'static str) -> serde_json::Result<Media> {
    let provider: Members<'_> = content.read("contentProvider")?.unwrap_or_default();
    let url: Option<String> = provider.read("originalContentUrl")?;
    Ok(Media {
        kind: kind.into(),
        id: if url.is_none() { content.id("id")? } else { None },
        url,
        name: content.read("fileName")?,
        size: content.read("fileSize")?,
        ..Media::default()
    })
}
