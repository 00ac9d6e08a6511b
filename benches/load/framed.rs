//! HTTP/1.1 messages off a kept-alive connection.

use tokio::{io::AsyncReadExt, net::TcpStream};

/// A request or an answer, whose body was read over.
pub(crate) struct Message {
    pub(crate) first_line: String,
    /// How long the body was, without its framing.
    pub(crate) body_bytes: usize,
}

impl Message {
    /// An answer's status.
    pub(crate) fn status(&self) -> u16 {
        self.first_line.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap()
    }
}

/// Reads messages that have a `content-length`, are chunked, or have no body.
#[derive(Default)]
pub(super) struct Framed {
    buffer: Vec<u8>,
    /// How much of the buffer is read over.
    at: usize,
}

impl Framed {
    /// The next message; `None` at the end of the connection.
    pub(super) async fn message(&mut self, stream: &mut TcpStream) -> Option<Message> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let head = self.up_to(b"\r\n\r\n", stream).await?;
        let mut lines = head.lines();
        let first_line = lines.next()?.to_owned();
        let field = |name: &str| {
            let mut fields = head.lines().filter_map(|line| line.split_once(':'));
            fields.find(|(known, _value)| known.eq_ignore_ascii_case(name)).map(|(_name, value)| value.trim())
        };
        let body_bytes = if field("transfer-encoding").is_some() {
            self.chunks(stream).await?
        } else {
            let length = field("content-length").map_or(0, |length| length.parse().unwrap());
            self.over(length, stream).await?;
            length
        };
        Some(Message { first_line, body_bytes })
    }

    /// The last message, framing and all.
    pub(super) fn text(self) -> String {
        String::from_utf8(self.buffer).unwrap()
    }

    async fn chunks(&mut self, stream: &mut TcpStream) -> Option<usize> {
        let mut whole = 0;
        loop {
            let size = usize::from_str_radix(self.up_to(b"\r\n", stream).await?.trim_end(), 16).unwrap();
            self.over(size + b"\r\n".len(), stream).await?;
            whole += size;
            if size == 0 {
                return Some(whole);
            }
        }
    }

    /// What comes before `end` and with it.
    async fn up_to(&mut self, end: &[u8], stream: &mut TcpStream) -> Option<String> {
        loop {
            let rest = &self.buffer[self.at..];
            if let Some(found) = rest.windows(end.len()).position(|some| some == end) {
                let text = String::from_utf8(rest[..found + end.len()].to_vec()).ok()?;
                self.at += text.len();
                return Some(text);
            }
            self.more(stream).await?;
        }
    }

    async fn over(&mut self, bytes: usize, stream: &mut TcpStream) -> Option<()> {
        self.at += bytes;
        while self.buffer.len() < self.at {
            self.more(stream).await?;
        }
        Some(())
    }

    async fn more(&mut self, stream: &mut TcpStream) -> Option<()> {
        self.buffer.reserve(64 << 10);
        (stream.read_buf(&mut self.buffer).await.ok()? > 0).then_some(())
    }
}
