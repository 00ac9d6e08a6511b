//! What a WhatsApp message says, by its `type` (`providers.md` section 2, "Webhook shapes").

use std::borrow::Cow;

use super::subtype;
use crate::channel::{
    event::{Kind, Media, Message, Postback, Reaction},
    meta::loose::{List, Object, Scalar, shape},
};

shape! {
    /// An item of `messages` or `message_echoes`, or the new content in an edit.
    struct Inbound<'a> {
        id: Scalar<'a>,
        r#type: Scalar<'a>,
        timestamp: Scalar<'a>,
        from: Scalar<'a>,
        from_user_id: Scalar<'a>,
        from_parent_user_id: Scalar<'a>,
        to: Scalar<'a>,
        to_user_id: Scalar<'a>,
        to_parent_user_id: Scalar<'a>,
        group_id: Scalar<'a>,
        context: Object<Context<'a>>,
        text: Object<Text<'a>>,
        image: Object<File<'a>>,
        video: Object<File<'a>>,
        audio: Object<File<'a>>,
        document: Object<File<'a>>,
        sticker: Object<File<'a>>,
        location: Object<Location<'a>>,
        contacts: List<Object<Card<'a>>>,
        order: Object<Order<'a>>,
        reaction: Object<Emoji<'a>>,
        button: Object<Button<'a>>,
        interactive: Object<Interactive<'a>>,
        edit: Object<Edit<'a>>,
        revoke: Object<Revoke<'a>>,
        system: Object<System<'a>>,
    }

    struct Context<'a> {
        id: Scalar<'a>,
    }

    struct Text<'a> {
        body: Scalar<'a>,
    }

    struct File<'a> {
        id: Scalar<'a>,
        url: Scalar<'a>,
        mime_type: Scalar<'a>,
        sha256: Scalar<'a>,
        filename: Scalar<'a>,
        caption: Scalar<'a>,
        voice: Scalar<'a>,
    }

    struct Location<'a> {
        name: Scalar<'a>,
        address: Scalar<'a>,
        url: Scalar<'a>,
    }

    struct Card<'a> {
        name: Object<CardName<'a>>,
    }

    struct CardName<'a> {
        formatted_name: Scalar<'a>,
    }

    struct Order<'a> {
        text: Scalar<'a>,
    }

    struct Emoji<'a> {
        message_id: Scalar<'a>,
        emoji: Scalar<'a>,
    }

    struct Button<'a> {
        payload: Scalar<'a>,
        text: Scalar<'a>,
    }

    struct Interactive<'a> {
        r#type: Scalar<'a>,
        button_reply: Object<Reply<'a>>,
        list_reply: Object<Reply<'a>>,
        nfm_reply: Object<FlowReply<'a>>,
        call_permission_reply: Object<CallPermission<'a>>,
    }

    struct Reply<'a> {
        id: Scalar<'a>,
        title: Scalar<'a>,
    }

    struct FlowReply<'a> {
        response_json: Scalar<'a>,
        body: Scalar<'a>,
    }

    struct CallPermission<'a> {
        response: Scalar<'a>,
    }

    struct Edit<'a> {
        original_message_id: Scalar<'a>,
        message: Object<Box<Inbound<'a>>>,
    }

    struct Revoke<'a> {
        original_message_id: Scalar<'a>,
    }

    /// The ids are the new ones.
    struct System<'a> {
        r#type: Scalar<'a>,
        body: Scalar<'a>,
        wa_id: Scalar<'a>,
        user_id: Scalar<'a>,
        parent_user_id: Scalar<'a>,
    }
}

/// The kind of a message and what it says. Its `id` is set where it is about another message.
pub(super) fn of(message: &Inbound<'_>) -> (Kind, Message) {
    let word = message.r#type.id();
    let (kind, mut content) = known(message, word.as_deref().unwrap_or_default())
        .unwrap_or_else(|| (Kind::Unknown, Message { subtype: subtype(word), ..Message::default() }));
    content.reply_to = message.context.0.as_ref().and_then(|context| owned(context.id.id()));
    (kind, content)
}

/// `None` if the type is not known, or what it promises is not there.
fn known(message: &Inbound<'_>, word: &str) -> Option<(Kind, Message)> {
    let empty = Message::default();
    Some(match word {
        "text" => {
            let text = owned(message.text.0.as_ref()?.body.text());
            (Kind::MessageReceived, Message { text, ..empty })
        }
        "image" => file("image", &message.image)?,
        "video" => file("video", &message.video)?,
        "audio" => file("audio", &message.audio)?,
        "document" => file("file", &message.document)?,
        "sticker" => file("sticker", &message.sticker)?,
        "location" => {
            let location = message.location.0.as_ref()?;
            let media = Media {
                kind: Cow::Borrowed("location"),
                name: owned(location.name.text().or_else(|| location.address.text())),
                url: owned(location.url.text()),
                ..Media::default()
            };
            (Kind::MessageReceived, Message { media: vec![media], ..empty })
        }
        "contacts" => {
            let cards = message.contacts.items().iter().map(|card| Media {
                kind: Cow::Borrowed("contact"),
                name: card.0.as_ref().and_then(|card| owned(card.name.0.as_ref()?.formatted_name.text())),
                ..Media::default()
            });
            (Kind::MessageReceived, Message { media: cards.collect(), ..empty })
        }
        "order" => {
            let text = owned(message.order.0.as_ref()?.text.text());
            (Kind::MessageReceived, Message { text, subtype: Some(Cow::Borrowed("order")), ..empty })
        }
        // The contact wrote, only this API cannot say what.
        "unsupported" | "unknown" => {
            (Kind::MessageReceived, Message { subtype: subtype(Some(Cow::Borrowed(word))), ..empty })
        }
        "reaction" => {
            let reaction = message.reaction.0.as_ref()?;
            let emoji = owned(reaction.emoji.text()).filter(|emoji| !emoji.is_empty());
            let reacted = Reaction { removed: emoji.is_none(), emoji };
            let id = owned(reaction.message_id.id());
            (Kind::MessageReaction, Message { id, reaction: Some(reacted), ..empty })
        }
        "button" => {
            let button = message.button.0.as_ref()?;
            postback(button.payload, button.text, "button")
        }
        "interactive" => interactive(message.interactive.0.as_ref()?)?,
        "edit" => {
            let edit = message.edit.0.as_ref()?;
            let content = edit.message.0.as_ref().map(|message| of(message).1).unwrap_or_default();
            (Kind::MessageEdited, Message { id: owned(edit.original_message_id.id()), ..content })
        }
        "revoke" => {
            let id = owned(message.revoke.0.as_ref()?.original_message_id.id());
            (Kind::MessageDeleted, Message { id, ..empty })
        }
        _ => return None,
    })
}

fn interactive(interactive: &Interactive<'_>) -> Option<(Kind, Message)> {
    Some(match interactive.r#type.id().as_deref()? {
        "button_reply" => {
            let reply = interactive.button_reply.0.as_ref()?;
            postback(reply.id, reply.title, "button_reply")
        }
        "list_reply" => {
            let reply = interactive.list_reply.0.as_ref()?;
            postback(reply.id, reply.title, "list_reply")
        }
        "nfm_reply" => {
            let reply = interactive.nfm_reply.0.as_ref()?;
            postback(reply.response_json, reply.body, "nfm_reply")
        }
        "call_permission_reply" => {
            let reply = interactive.call_permission_reply.0.as_ref()?;
            postback(reply.response, Scalar::default(), "call_permission_reply")
        }
        _ => return None,
    })
}

/// A button: what it showed is also what the contact says.
fn postback(payload: Scalar<'_>, title: Scalar<'_>, word: &'static str) -> (Kind, Message) {
    let title = owned(title.text());
    let message = Message {
        text: title.clone(),
        postback: Some(Postback { payload: owned(payload.text()), title }),
        subtype: Some(Cow::Borrowed(word)),
        ..Message::default()
    };
    (Kind::Postback, message)
}

fn file(kind: &'static str, file: &Object<File<'_>>) -> Option<(Kind, Message)> {
    let file = file.0.as_ref()?;
    let media = Media {
        kind: Cow::Borrowed(if file.voice.is_true() { "voice" } else { kind }),
        id: owned(file.id.id()),
        url: owned(file.url.text()),
        content_type: owned(file.mime_type.text()),
        name: owned(file.filename.text()),
        size: None,
        sha256: owned(file.sha256.text()),
    };
    let text = owned(file.caption.text());
    Some((Kind::MessageReceived, Message { text, media: vec![media], ..Message::default() }))
}

fn owned(text: Option<Cow<'_, str>>) -> Option<String> {
    text.map(Cow::into_owned)
}
