//! The `message` object of LINE: what was written, shown or sent.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::channel::{
    event::{Kind, Media, Message},
    json::Id,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    #[serde(borrow)]
    id: Option<Id<'a>>,
    r#type: String,
    text: Option<String>,
    #[serde(borrow)]
    quoted_message_id: Option<Id<'a>>,
    content_provider: Option<ContentProvider>,
    #[serde(borrow)]
    image_set: Option<ImageSet<'a>>,
    file_name: Option<String>,
    file_size: Option<u64>,
    #[serde(borrow)]
    sticker_id: Option<Id<'a>>,
}

/// Who holds the bytes of media: `line` (fetched by message id) or `external` (fetched by URL).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContentProvider {
    original_content_url: Option<String>,
}

/// Several images that were sent together.
#[derive(Deserialize)]
struct ImageSet<'a> {
    #[serde(borrow)]
    id: Option<Id<'a>>,
}

/// A message from a user. A type that is not known is kept with its name.
pub(super) fn received(raw: &RawValue) -> Result<(Kind, Message), serde_json::Error> {
    let content: Content<'_> = serde_json::from_str(raw.get())?;
    let media = match content.r#type.as_str() {
        "text" => Vec::new(),
        "image" => vec![content.held("image")],
        "video" => vec![content.held("video")],
        "audio" => vec![content.held("audio")],
        "file" => vec![content.held("file")],
        "sticker" => {
            let id = content.sticker_id.clone().and_then(Id::named);
            vec![Media { kind: "sticker".into(), id, ..Media::default() }]
        }
        "location" => vec![Media { kind: "location".into(), ..Media::default() }],
        _ => {
            let subtype = Some(content.r#type.clone().into());
            return Ok((Kind::Unknown, Message { subtype, ..content.message(Vec::new()) }));
        }
    };
    Ok((Kind::MessageReceived, content.message(media)))
}

/// The new text of a message that keeps its id.
pub(super) fn edited(raw: &RawValue) -> Result<Message, serde_json::Error> {
    let content: Content<'_> = serde_json::from_str(raw.get())?;
    Ok(content.message(Vec::new()))
}

impl Content<'_> {
    /// Media whose bytes are either LINE's, under the message's id, or at a URL.
    fn held(&self, kind: &'static str) -> Media {
        let url = self.content_provider.as_ref().and_then(|held| held.original_content_url.clone());
        Media {
            kind: kind.into(),
            id: if url.is_none() { self.id.clone().and_then(Id::named) } else { None },
            url,
            name: self.file_name.clone(),
            size: self.file_size,
            ..Media::default()
        }
    }

    fn message(self, media: Vec<Media>) -> Message {
        Message {
            id: self.id.and_then(Id::named),
            text: self.text,
            media,
            reply_to: self.quoted_message_id.and_then(Id::named),
            album: self.image_set.and_then(|set| set.id?.named()),
            ..Message::default()
        }
    }
}
