//! Public posts, in the shapes of both products. A post's conversation is the public one that it stands
//! in, never that of its author's direct messages.

use super::{
    Happened,
    activity::named,
    milliseconds,
    people::{People, Person},
    rfc3339,
};
use crate::channel::{
    event::{Kind, Media, Message, Thread},
    json::Members,
};

/// `post.create`, `post.mention.create`, …: a v2 Post.
pub(super) fn published(name: &str, post: &Members<'_>, people: &People) -> serde_json::Result<Happened> {
    let id = post.need_id("id")?;
    let conversation = post.id("conversation_id")?;
    Ok(Happened {
        kind: Kind::Post,
        thread: Some(Thread::of("post", conversation.as_deref().unwrap_or(&id))),
        time: rfc3339(post, "created_at")?,
        message: Message {
            sender: post.id("author_id")?.map(|id| people.party(id)),
            text: post.read("text")?,
            reply_to: post.id("in_reply_to_tweet_id")?,
            id: Some(id.clone()),
            ..named(name)
        },
        // A reply that mentions us comes once for each subscription.
        id: Some(format!("post:{id}")),
    })
}

/// `post.delete`: the post's conversation is not told.
pub(super) fn deleted(name: &str, post: &Members<'_>) -> serde_json::Result<Happened> {
    gone(name, post.need_id("id")?, post.id("author_id")?)
}

/// `tweet_create_events`: a v1 Tweet. The root of its conversation is not told, only what it answers.
pub(super) fn tweeted(tweet: &Members<'_>) -> serde_json::Result<Happened> {
    let id = tweet.need_id("id_str")?;
    let answered = tweet.id("in_reply_to_status_id_str")?;
    let entities: Members<'_> = tweet.read("extended_entities")?.unwrap_or_default();
    let shown: Vec<Members<'_>> = entities.read("media")?.unwrap_or_default();
    Ok(Happened {
        kind: Kind::Post,
        thread: Some(Thread::of("post", answered.as_deref().unwrap_or(&id))),
        time: milliseconds(tweet, "timestamp_ms")?,
        message: Message {
            sender: tweet.read::<Person>("user")?.and_then(Person::into_party),
            text: tweet.read("text")?,
            media: shown.iter().map(media).collect::<Result<_, _>>()?,
            reply_to: answered,
            id: Some(id.clone()),
            ..named("tweet_create_events")
        },
        id: Some(format!("post:{id}")),
    })
}

/// `tweet_delete_events`: stored copies must be hidden.
pub(super) fn untweeted(event: &Members<'_>) -> serde_json::Result<Happened> {
    let status: Members<'_> = event.need("status")?;
    let gone = gone("tweet_delete_events", status.need_id("id")?, status.id("user_id")?)?;
    Ok(Happened { time: milliseconds(event, "timestamp_ms")?, ..gone })
}

fn gone(name: &str, id: String, author: Option<String>) -> serde_json::Result<Happened> {
    let sender = author.map(|id| People::default().party(id));
    Ok(Happened {
        kind: Kind::MessageDeleted,
        thread: None,
        time: None,
        id: Some(format!("deleted:{id}")),
        message: Message { id: Some(id), sender, ..named(name) },
    })
}

/// A v1 media object.
pub(super) fn media(media: &Members<'_>) -> serde_json::Result<Media> {
    let kind: Option<String> = media.read("type")?;
    Ok(Media {
        kind: match kind.as_deref() {
            Some("photo") => "image".into(),
            Some("animated_gif") => "animation".into(),
            Some(other) => other.to_owned().into(),
            None => "file".into(),
        },
        id: match media.id("id_str")? {
            Some(id) => Some(id),
            None => media.id("id")?,
        },
        url: media.read("media_url_https")?,
        ..Media::default()
    })
}
