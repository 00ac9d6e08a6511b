//! The service that Envoy asks over gRPC (`ext_authz`): it looks the token and the path up in two hash maps, as the
//! one in `benches/agents/programs.rs` does that is asked over HTTP.
//!
//!     authority authority LISTEN AGENTS CONVERSATIONS
//!
//! The files have a line for each token and each path, with its team.

use std::{
    collections::HashMap,
    convert::Infallible,
    fs,
    future::{Ready, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use prost::Message;
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{Service, http},
    server::{Grpc, NamedService, UnaryService},
    transport::Server,
};
use tonic_prost::ProstCodec;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, _, listen, agents, conversations] = arguments.as_slice() else {
        panic!("authority authority LISTEN AGENTS CONVERSATIONS");
    };
    let known = Known { agents: teams(agents), conversations: teams(conversations) };
    let authority = Authority(Arc::new(known));
    Server::builder().tcp_nodelay(true).add_service(authority).serve(listen.parse().unwrap()).await.unwrap();
}

/// The team of an agent's token, and of a conversation's path.
struct Known {
    agents: HashMap<String, String>,
    conversations: HashMap<String, String>,
}

fn teams(file: &str) -> HashMap<String, String> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().map(|line| line.split_once(' ').unwrap());
    lines.map(|(key, team)| (key.to_owned(), team.to_owned())).collect()
}

impl Known {
    fn decide(&self, request: &CheckRequest) -> CheckResponse {
        let attributes = request.attributes.as_ref().and_then(|attributes| attributes.request.as_ref());
        let Some(asked) = attributes.and_then(|request| request.http.as_ref()) else {
            return CheckResponse::denied(UNAUTHORIZED);
        };
        let token = asked.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let Some(team) = token.and_then(|token| self.agents.get(token)) else {
            return CheckResponse::denied(UNAUTHORIZED);
        };
        if self.conversations.get(&asked.path) == Some(team) {
            CheckResponse { status: Some(RpcStatus { code: OK }), denied: None }
        } else {
            CheckResponse::denied(FORBIDDEN)
        }
    }
}

/// The service `envoy.service.auth.v3.Authorization` with its one method.
#[derive(Clone)]
struct Authority(Arc<Known>);

impl NamedService for Authority {
    const NAME: &'static str = "envoy.service.auth.v3.Authorization";
}

impl Service<http::Request<Body>> for Authority {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let check = Check(self.0.clone());
        Box::pin(async move { Ok(Grpc::new(ProstCodec::default()).unary(check, request).await) })
    }
}

struct Check(Arc<Known>);

impl UnaryService<CheckRequest> for Check {
    type Response = CheckResponse;
    type Future = Ready<Result<Response<CheckResponse>, Status>>;

    fn call(&mut self, request: Request<CheckRequest>) -> Self::Future {
        ready(Ok(Response::new(self.0.decide(request.get_ref()))))
    }
}

// The messages, as far as they matter here, with the numbers of `envoy/service/auth/v3/external_auth.proto` and
// `attribute_context.proto`. Codes are gRPC's and HTTP's.

const OK: i32 = 0;
const PERMISSION_DENIED: i32 = 7;
const UNAUTHORIZED: i32 = 401;
const FORBIDDEN: i32 = 403;

#[derive(Clone, PartialEq, Message)]
struct CheckRequest {
    #[prost(message, optional, tag = "1")]
    attributes: Option<Attributes>,
}

#[derive(Clone, PartialEq, Message)]
struct Attributes {
    #[prost(message, optional, tag = "4")]
    request: Option<Asked>,
}

#[derive(Clone, PartialEq, Message)]
struct Asked {
    #[prost(message, optional, tag = "2")]
    http: Option<HttpRequest>,
}

#[derive(Clone, PartialEq, Message)]
struct HttpRequest {
    #[prost(map = "string, string", tag = "3")]
    headers: HashMap<String, String>,
    #[prost(string, tag = "4")]
    path: String,
}

#[derive(Clone, PartialEq, Message)]
struct CheckResponse {
    #[prost(message, optional, tag = "1")]
    status: Option<RpcStatus>,
    #[prost(message, optional, tag = "2")]
    denied: Option<Denied>,
}

impl CheckResponse {
    fn denied(code: i32) -> Self {
        let denied = Denied { status: Some(HttpStatus { code }) };
        Self { status: Some(RpcStatus { code: PERMISSION_DENIED }), denied: Some(denied) }
    }
}

#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Denied {
    #[prost(message, optional, tag = "1")]
    status: Option<HttpStatus>,
}

#[derive(Clone, PartialEq, Message)]
struct HttpStatus {
    #[prost(int32, tag = "1")]
    code: i32,
}
