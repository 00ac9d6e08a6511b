//! Section B: framing and protocol switching.

use super::WRITES;
use crate::probe::{
    request::Request,
    session::{Expected, Session},
};

pub(super) async fn tried(session: &mut Session<'_>) {
    let Some(object) = session.object() else { return };
    let visible = || Request::get(object.visible.as_str());
    // What would be smuggled: it reads, and what it reads is hidden.
    let smuggled = || Request::get(object.hidden.as_str());
    for (row, fields, body) in [
        ("B01", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG"),
        ("B01", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("B02", "Content-Length: 0\r\nContent-Length: 6\r\n", ""),
        ("B02", "Content-Length: +0\r\n", ""),
        ("B02", "Content-Length: 0,0\r\n", ""),
        ("B02", "Content-Length: 0x0\r\n", ""),
        ("B03", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        ("B03", "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        ("B03", "Transfer-Encoding: identity\r\n", ""),
        ("B05", "X: a\r\n b\r\n", ""),
        ("B05", "X : a\r\n", ""),
        ("B05", ": a\r\n", ""),
        ("B05", "X: a\0b\r\n", ""),
        ("B05", "X: a\rb\r\n", ""),
        ("B05", "X(y): a\r\n", ""),
        ("B05", "X@y: a\r\n", ""),
        ("B11", "Host: other.headgate-probe.invalid\r\n", ""),
        ("B11", "host: user@other.headgate-probe.invalid/path\r\n", ""),
    ] {
        let request = visible().raw(fields).unframed(body).then(smuggled());
        session.expect(row, request, Expected::RefusedAlone).await;
    }
    // The body of a GET may be passed over, but never be read as a request.
    for chunks in ["-1\r\n\r\n", "11111111111111111\r\n\r\n", "1\nX\r\n0\r\n\r\n", "2\r\n{}x\r\n0\r\n\r\n"] {
        let request = visible().raw("Transfer-Encoding: chunked\r\n").unframed(chunks).then(smuggled());
        session.expect("B04", request, Expected::Alone).await;
    }
    let old = visible().version("HTTP/1.0").raw("Transfer-Encoding: chunked\r\n").unframed("0\r\n\r\n");
    session.expect("B03", old, Expected::RefusedAtBest).await;

    let upgrade = visible().raw("Connection: Upgrade\r\nUpgrade: websocket\r\n").then(smuggled());
    session.expect("B06", upgrade, Expected::NotSwitched).await;
    let upgrade = visible().raw("Connection: Upgrade\r\nUpgrade: headgate-probe\r\n").then(smuggled());
    session.expect("B06", upgrade, Expected::NotSwitched).await;
    let offer = "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n";
    session.expect("B07", visible().raw(offer), Expected::Plain).await;
    for row in ["B08", "B09", "B10"] {
        session.not_tried(row, "needs frames of HTTP/2, which this command does not write");
    }
    if session.plan.writes {
        let method = object.write_method;
        let asking = Request::of(method, object.hidden.as_str())
            .raw("Content-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n");
        session.expect("B12", asking, Expected::RefusedAtOnce).await;
        let inner = smuggled().bytes(session.plan);
        let body = inner.repeat((1 << 20) / inner.len().max(1));
        let refused = Request::of(method, object.hidden.as_str())
            .raw(format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len() + 1))
            .unframed(body)
            .kept_open();
        session.expect("B13", refused, Expected::RefusedAlone).await;
    } else {
        session.not_tried("B12", WRITES);
        session.not_tried("B13", WRITES);
    }
    session.not_tried("B14", "needs a second name of the deployment with other users");
    session.not_tried("B15", super::BACKEND);
    session.not_tried("B16", super::BACKEND);
}
