//! The configurations of the peers: one worker, kept-alive connections on both sides, no access log.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

/// The service that Envoy asks.
#[derive(Clone, Copy)]
pub(super) enum Authority {
    Http(SocketAddr),
    Grpc(SocketAddr),
}

/// nginx, passing on, with room for a whole list; with `authority`, asking it first (`auth_request`).
pub(super) fn nginx(
    folder: &Path,
    address: SocketAddr,
    backend: SocketAddr,
    authority: Option<SocketAddr>,
) -> Vec<String> {
    let (upstream, ask, location) = match authority {
        None => Default::default(),
        Some(authority) => (
            format!(
                "upstream authority {{ server {authority}; keepalive 256; keepalive_requests 1000000000; }}\n"
            ),
            "auth_request /-/ask; ",
            "location = /-/ask { internal; proxy_pass http://authority; proxy_http_version 1.1;\n\
             proxy_pass_request_body off; proxy_set_header Connection \"\"; proxy_set_header Content-Length \"\";\n\
             proxy_set_header X-Original-URI $request_uri; }\n",
        ),
    };
    let text = format!(
        "worker_processes 1; daemon off; error_log /dev/null; pid {0}/nginx.pid;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ access_log off; keepalive_requests 1000000000;\n{upstream}\
         upstream backend {{ server {backend}; keepalive 256; keepalive_requests 1000000000; }}\n\
         server {{ listen {address} backlog=1024; location / {{ {ask}proxy_pass http://backend;\n\
         proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
         proxy_buffers 40 8k; proxy_max_temp_file_size 0; }}\n{location}}} }}\n",
        folder.display()
    );
    let config = folder.join("nginx.conf");
    fs::write(&config, text).unwrap();
    vec!["-c".into(), config.display().to_string(), "-p".into(), folder.display().to_string()]
}

/// HAProxy, passing on.
pub(super) fn haproxy(folder: &Path, address: SocketAddr, backend: SocketAddr) -> Vec<String> {
    let config = folder.join("haproxy.cfg");
    let text = format!(
        "global\n  nbthread 1\n  maxconn 4096\n\
         defaults\n  mode http\n  timeout connect 5s\n  timeout client 1m\n  timeout server 1m\n  http-reuse always\n\
         frontend agents\n  bind {address} backlog 1024\n  default_backend app\n\
         backend app\n  server app {backend} pool-max-conn 256\n"
    );
    fs::write(&config, text).unwrap();
    vec!["-db".into(), "-f".into(), config.display().to_string()]
}

/// Envoy's program: named by `ENVOY`, or on the path.
pub(super) fn envoy() -> Option<PathBuf> {
    let named = std::env::var_os("ENVOY").map(PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let mut on_path = std::env::split_paths(&paths).map(|folder| folder.join("envoy"));
    named.or_else(|| on_path.find(|program| program.is_file()))
}

/// Envoy, passing on; with `authority`, asking it first (`ext_authz`).
pub(super) fn envoy_config(
    folder: &Path,
    address: SocketAddr,
    backend: SocketAddr,
    authority: Option<Authority>,
) -> Vec<String> {
    let mut filters = Vec::new();
    let mut clusters = vec![cluster("backend", backend)];
    if let Some(authority) = authority {
        let (how, service) = match authority {
            Authority::Http(address) => {
                clusters.push(cluster("authority", address));
                let server =
                    json!({"uri": format!("http://{address}"), "cluster": "authority", "timeout": "2s"});
                ("http_service", json!({"server_uri": server}))
            }
            Authority::Grpc(address) => {
                let mut http2 = cluster("authority", address);
                http2["typed_extension_protocol_options"] = json!({HTTP_OPTIONS: {
                    "@type": format!("type.googleapis.com/{HTTP_OPTIONS}"),
                    "explicit_http_config": {"http2_protocol_options": {}},
                }});
                clusters.push(http2);
                ("grpc_service", json!({"envoy_grpc": {"cluster_name": "authority"}, "timeout": "2s"}))
            }
        };
        filters.push(json!({"name": "ask", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
            "transport_api_version": "V3",
            how: service,
        }}));
    }
    filters.push(json!({"name": "router", "typed_config":
        {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}));
    let manager = json!({
        "@type":
            "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "agents", "codec_type": "HTTP1", "generate_request_id": false,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "backend"}}]}]},
        "http_filters": filters,
    });
    let listener = json!({"name": "agents", "address": socket(address),
        "filter_chains": [{"filters": [{"name": "manager", "typed_config": manager}]}]});
    let whole = json!({"static_resources": {"listeners": [listener], "clusters": clusters}});
    let config = folder.join("envoy.json");
    fs::write(&config, whole.to_string()).unwrap();
    let fixed = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error", "-c"];
    fixed.into_iter().map(str::to_owned).chain([config.display().to_string()]).collect()
}

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

fn cluster(name: &str, address: SocketAddr) -> Value {
    json!({"name": name, "type": "STATIC", "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints":
            [{"lb_endpoints": [{"endpoint": {"address": socket(address)}}]}]}})
}

fn socket(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}
