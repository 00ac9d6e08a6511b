//! The generator: signed WhatsApp messages of many conversations, some of them sent twice.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

use crate::{
    bounds::{STEP_MAX, within},
    checker::Sent,
    disk::Cut,
    gateway::{APP_SECRET, PHONE_NUMBER_ID},
};

/// Conversations; few enough that order within each is tested all the time.
const CONVERSATIONS: u32 = 40;

/// One in this many webhooks is sent a second time.
const REPEAT_ONE_IN: u32 = 20;

/// A generator and the log of what it sent, over all cycles of a test.
#[derive(Debug)]
pub(crate) struct Load {
    log: Arc<Mutex<Vec<Sent>>>,
    random: Mutex<fastrand::Rng>,
    next: Mutex<u64>,
    text_bytes_max: usize,
}

impl Load {
    pub(crate) fn new(seed: u64) -> Self {
        eprintln!("seed {seed:#x}");
        let random = Mutex::new(fastrand::Rng::with_seed(seed));
        Self { log: Arc::default(), random, next: Mutex::new(0), text_bytes_max: 1_200 }
    }

    /// As [`Load::new`], with texts so long that a segment is full after some hundred of them.
    pub(crate) fn of_long_texts(seed: u64) -> Self {
        Self { text_bytes_max: 6_000, ..Self::new(seed) }
    }

    /// As [`Load::run_until`], for `time`.
    pub(crate) async fn run(&self, hooks: SocketAddr, rate: u32, time: Duration) {
        self.run_until(hooks, rate, tokio::time::sleep(time)).await;
    }

    /// Posts `rate` webhooks a second until `end`, and waits for their answers. Each conversation sends
    /// its next webhook when the last one is answered or broken; conversations do not wait for others.
    pub(crate) async fn run_until<T>(&self, hooks: SocketAddr, rate: u32, end: impl Future<Output = T>) -> T {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let pause = Duration::from_secs(1) * CONVERSATIONS / rate;
        let ended = AtomicBool::new(false);
        let run = (0..CONVERSATIONS).map(|conversation| {
            let (client, ended) = (client.clone(), &ended);
            async move {
                let mut tick = tokio::time::interval(pause);
                tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                while !ended.load(Ordering::Relaxed) {
                    tick.tick().await;
                    let (id, text, repeat) = self.draw();
                    let one = self.post(&client, hooks, conversation, &id, &text);
                    if repeat {
                        // Two copies at the same moment on two connections.
                        tokio::join!(one, self.post(&client, hooks, conversation, &id, &text));
                    } else {
                        one.await;
                    }
                }
            }
        });
        let end = async {
            let end = end.await;
            ended.store(true, Ordering::Relaxed);
            end
        };
        tokio::join!(end, futures_join_all(run)).0
    }

    /// Everything sent so far.
    pub(crate) fn log(&self) -> Vec<Sent> {
        self.log.lock().unwrap().clone()
    }

    /// A place in the log, for [`Load::statuses_since`].
    pub(crate) fn mark(&self) -> usize {
        self.log.lock().unwrap().len()
    }

    /// The statuses of the answers since a mark; 0 for none, where the connection broke.
    pub(crate) fn statuses_since(&self, mark: usize) -> BTreeSet<u16> {
        self.log().iter().skip(mark).map(|sent| sent.answer.map_or(0, |(status, _)| status)).collect()
    }

    /// The power was cut during the last run: what was sent once the disk was gone must not have been
    /// acknowledged (promise A), and answers that a machine without power would not have sent are no
    /// promise.
    pub(crate) fn cut(&self, cut: Cut) {
        for sent in self.log.lock().unwrap().iter_mut() {
            let acknowledged = matches!(sent.answer, Some((200, _)));
            assert!(
                sent.sent <= cut.done || !acknowledged,
                "A: {} was sent after the power cut and acknowledged",
                sent.id
            );
            if sent.answer.is_some_and(|(_status, at)| at >= cut.begin) {
                sent.answer = None;
            }
        }
    }

    fn draw(&self) -> (String, String, bool) {
        let mut next = self.next.lock().unwrap();
        *next += 1;
        let mut random = self.random.lock().unwrap();
        let text: String =
            (0..random.usize(10..self.text_bytes_max)).map(|_| random.alphanumeric()).collect();
        (format!("wamid.{:016x}", *next), text, random.u32(0..REPEAT_ONE_IN) == 0)
    }

    async fn post(
        &self,
        client: &Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>,
        hooks: SocketAddr,
        conversation: u32,
        id: &str,
        text: &str,
    ) {
        let body = message(conversation, id, text);
        let request = http::Request::post(format!("http://{hooks}/hooks/meta-main"))
            .header("content-type", "application/json")
            .header("x-hub-signature-256", signature(body.as_bytes()))
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let sent = Instant::now();
        let answer = within(STEP_MAX, "a webhook", client.request(request)).await.ok();
        let answer = answer.map(|answer| (answer.status().as_u16(), Instant::now()));
        self.log.lock().unwrap().push(Sent {
            id: id.to_owned(),
            conversation,
            text: text.to_owned(),
            sent,
            answer,
        });
    }
}

/// The contact of a conversation.
pub(crate) fn contact(conversation: u32) -> String {
    format!("49170{conversation:07}")
}

fn message(conversation: u32, id: &str, text: &str) -> String {
    let from = contact(conversation);
    serde_json::json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": "102290129340398", "changes": [{ "field": "messages", "value": {
            "messaging_product": "whatsapp",
            "metadata": { "display_phone_number": "15550001111", "phone_number_id": PHONE_NUMBER_ID },
            "contacts": [{ "profile": { "name": "Torture" }, "wa_id": from }],
            "messages": [{ "from": from, "id": id, "timestamp": "1750000000", "type": "text", "text": { "body": text } }],
        } }] }],
    })
    .to_string()
}

fn signature(body: &[u8]) -> String {
    use aws_lc_rs::hmac;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, APP_SECRET.as_bytes()), body);
    format!("sha256={}", data_encoding::HEXLOWER.encode(tag.as_ref()))
}

async fn futures_join_all(all: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        all.retain_mut(|one| one.as_mut().poll(context).is_pending());
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
