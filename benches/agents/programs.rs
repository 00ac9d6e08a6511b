//! The programs of this bench's own: it starts itself anew as one of them.

use std::{collections::HashMap, convert::Infallible, fs, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::net::TcpListener;

/// Runs the program that the arguments name, for ever; `false` if they name none.
pub(super) fn run(arguments: &[String]) -> bool {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match arguments {
        [program, listen, backend] if program == "floor" => {
            runtime().block_on(floor(listen.parse().unwrap(), backend.clone()));
        }
        [program, listen, agents, conversations] if program == "authority" => {
            let authority = Authority { agents: teams(agents), conversations: teams(conversations) };
            runtime().block_on(authority.serve(listen.parse().unwrap()));
        }
        _ => return false,
    }
    true
}

/// The least that a proxy made of hyper does: it passes on everything as it is, and the answer as it comes.
async fn floor(listen: SocketAddr, backend: String) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Incoming> =
        Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
    serve(listen, move |mut request: Request<Incoming>| {
        let (client, backend) = (client.clone(), backend.clone());
        async move {
            let uri = format!("http://{backend}{}", request.uri().path()).parse::<Uri>().unwrap();
            *request.uri_mut() = uri;
            let answer: Response<Incoming> = client.request(request).await.unwrap();
            Ok(answer)
        }
    })
    .await;
}

/// What a small service of one's own would know.
struct Authority {
    /// The team of the agent, by token.
    agents: HashMap<String, String>,
    /// The team, by the path of a conversation.
    conversations: HashMap<String, String>,
}

/// A file of keys, each with its team.
fn teams(file: &str) -> HashMap<String, String> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().map(|line| line.split_once(' ').unwrap());
    lines.map(|(key, team)| (key.to_owned(), team.to_owned())).collect()
}

impl Authority {
    async fn serve(self, listen: SocketAddr) {
        let this = Arc::new(self);
        serve(listen, move |request: Request<Incoming>| {
            let mut answer = Response::new(Empty::<Bytes>::new());
            *answer.status_mut() = this.decide(&request);
            async { Ok(answer) }
        })
        .await;
    }

    /// nginx names the path in a header, Envoy asks for the path itself.
    fn decide(&self, request: &Request<Incoming>) -> StatusCode {
        let text = |name: &str| request.headers().get(name).map(HeaderValue::to_str).and_then(Result::ok);
        let token = text(header::AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
        let Some(team) = token.and_then(|token| self.agents.get(token)) else {
            return StatusCode::UNAUTHORIZED;
        };
        let path = text("x-original-uri").unwrap_or_else(|| request.uri().path());
        if self.conversations.get(path) == Some(team) { StatusCode::OK } else { StatusCode::FORBIDDEN }
    }
}

async fn serve<S, F, B>(listen: SocketAddr, service: S)
where
    S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let listener = TcpListener::bind(listen).await.unwrap();
    loop {
        let (stream, _peer) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let service = service_fn(service.clone());
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}
