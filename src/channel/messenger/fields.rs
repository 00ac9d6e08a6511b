//! The fields of messaging events (`providers.md` sections 3 and 4).

use crate::channel::meta::loose::{List, Object, Scalar, shape};

shape! {
    /// An item of `entry[].messaging` or `entry[].standby`. Which of the objects is there tells its kind.
    struct Messaging<'a> {
        sender: Object<Peer<'a>>,
        recipient: Object<Peer<'a>>,
        timestamp: Scalar<'a>,
        message: Object<Written<'a>>,
        message_edit: Object<Edit<'a>>,
        postback: Object<Pressed<'a>>,
        reaction: Object<Reacted<'a>>,
        delivery: Object<Delivery<'a>>,
        read: Object<Seen<'a>>,
        optin: Object<Optin<'a>>,
        referral: Object<Referral<'a>>,
        account_linking: Object<Linking<'a>>,
        pass_thread_control: Scalar<'a>,
        take_thread_control: Scalar<'a>,
        request_thread_control: Scalar<'a>,
        app_roles: Scalar<'a>,
        #[serde(rename = "policy-enforcement")]
        policy_enforcement: Object<Policy<'a>>,
        prior_message: Object<Prior<'a>>,
    }

    /// A person by the page-scoped id, or by the id that a plugin made up for a guest.
    struct Peer<'a> {
        id: Scalar<'a>,
        user_ref: Scalar<'a>,
    }

    struct Written<'a> {
        mid: Scalar<'a>,
        text: Scalar<'a>,
        is_echo: Scalar<'a>,
        is_deleted: Scalar<'a>,
        is_unsupported: Scalar<'a>,
        attachments: List<Object<Attachment<'a>>>,
        quick_reply: Object<QuickReply<'a>>,
        reply_to: Object<ReplyTo<'a>>,
    }

    struct Attachment<'a> {
        r#type: Scalar<'a>,
        title: Scalar<'a>,
        url: Scalar<'a>,
        payload: Object<Payload<'a>>,
    }

    struct Payload<'a> {
        url: Scalar<'a>,
        title: Scalar<'a>,
        attachment_id: Scalar<'a>,
        sticker_id: Scalar<'a>,
    }

    struct QuickReply<'a> {
        payload: Scalar<'a>,
    }

    struct ReplyTo<'a> {
        mid: Scalar<'a>,
        story: Object<Story<'a>>,
    }

    /// The story of ours that an Instagram message answers.
    struct Story<'a> {
        id: Scalar<'a>,
        url: Scalar<'a>,
    }

    struct Edit<'a> {
        mid: Scalar<'a>,
        text: Scalar<'a>,
        num_edit: Scalar<'a>,
    }

    struct Pressed<'a> {
        mid: Scalar<'a>,
        title: Scalar<'a>,
        payload: Scalar<'a>,
    }

    struct Reacted<'a> {
        mid: Scalar<'a>,
        action: Scalar<'a>,
        emoji: Scalar<'a>,
    }

    struct Delivery<'a> {
        mids: List<Scalar<'a>>,
        watermark: Scalar<'a>,
    }

    /// Messenger tells a watermark, Instagram one message.
    struct Seen<'a> {
        watermark: Scalar<'a>,
        mid: Scalar<'a>,
    }

    struct Optin<'a> {
        r#ref: Scalar<'a>,
        payload: Scalar<'a>,
        title: Scalar<'a>,
        user_ref: Scalar<'a>,
    }

    struct Referral<'a> {
        r#ref: Scalar<'a>,
    }

    struct Linking<'a> {
        status: Scalar<'a>,
    }

    struct Policy<'a> {
        action: Scalar<'a>,
        reason: Scalar<'a>,
    }

    struct Prior<'a> {
        identifier: Scalar<'a>,
    }
}
