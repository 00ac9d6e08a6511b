//! Several endpoints of the backend's API.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;

use super::{Backend, OPERATOR, Whole, told};

/// A gateway whose backend's API has these endpoints; `OWN` is its usual one.
async fn start(endpoints: &[&str]) -> Whole {
    Whole::start_with(|_folder, headgate| {
        let (first, rest) = headgate.split_once("api = [").unwrap();
        let (own, rest) = rest.split_once(']').unwrap();
        let all: Vec<_> = endpoints
            .iter()
            .map(|one| if *one == "OWN" { own.to_owned() } else { format!("\"http://{one}\"") })
            .collect();
        format!("{first}api = [{}]{rest}", all.join(", "))
    })
    .await
}

/// The status of a change of a conversation.
async fn edit(whole: &Whole) -> u16 {
    let headers =
        format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", whole.token("ana"));
    let line = "PATCH /api/v1/accounts/1/conversations/101";
    whole.send(line, &headers, r#"{"title":"x"}"#).await.status
}

#[tokio::test]
async fn an_endpoint_that_is_gone_costs_no_request_and_shows_in_the_metrics() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let whole = start(&[&gone.to_string(), "OWN"]).await;
    for _ in 0..3 {
        assert_eq!((edit(&whole).await, whole.status("ana", "101").await), (200, 200));
    }
    assert_eq!(whole.backend.lines().len(), 6);
    let (_, metrics) = whole.ops("GET /metrics", OPERATOR, "").await;
    let works = r#"headgate_backend_endpoint_works{backend="chat",purpose="api",endpoint="0"} 0"#;
    assert!(metrics.contains(works), "{metrics}");
    let retries = r#"headgate_backend_retries_total{backend="chat",reason="unreachable"} 1"#;
    assert!(metrics.contains(retries), "it is not tried each time: {metrics}");
}

#[tokio::test]
async fn a_read_that_meets_a_closed_connection_is_sent_again_and_a_write_is_not() {
    for (writes, status, connections) in [(false, 200, &[0, 0, 1][..]), (true, 502, &[0, 0])] {
        let count = AtomicUsize::new(0);
        // It closes the connection at its second request.
        let backend = Backend::start(move |asked| match count.fetch_add(1, Ordering::SeqCst) {
            1 => Vec::new(),
            _ => told(asked),
        })
        .await;
        let whole = start(&[&backend.address.to_string()]).await;
        whole.oracle.watch(backend.watched());
        assert_eq!(whole.status("ana", "101").await, 200);
        let answer = if writes { edit(&whole).await } else { whole.status("ana", "101").await };
        assert_eq!(answer, status, "writes: {writes}");
        let seen: Vec<_> = backend.seen().iter().map(|asked| asked.connection).collect();
        assert_eq!(seen, connections, "writes: {writes}");
    }
}
