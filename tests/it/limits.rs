//! `docs/limits.md` names the limits that a running gateway counts, and no others.

// Lets the lints know that what is not a test itself helps one.
#![cfg(test)]

use std::{collections::BTreeSet, fs, path::Path};

use crate::support::{
    gateway::Setup,
    outside::{Provider, Tls},
    receiver::Receiver,
    samples::{self, ProviderKeys},
};

const LIMITS: &str = include_str!("../../docs/limits.md");
const CONFIG: &str = include_str!("../../docs/config.md");

/// The cells of every row of the tables of limits: name, default, what happens, metric.
fn rows() -> Vec<Vec<&'static str>> {
    let rows = LIMITS.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| --- "));
    let cells = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    cells.filter(|cells| cells[0] != "name").collect()
}

/// What stands alone between two backticks.
fn code(text: &str) -> Option<&str> {
    text.strip_prefix('`')?.strip_suffix('`').filter(|inner| !inner.contains('`'))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_limits_are_those_that_are_counted() {
    let keys = ProviderKeys::generate();
    let tls = Tls::start(&keys).await;
    let backend = Receiver::start().await;
    let gateway = Setup::quickstart(backend.address, &tls, &keys).start().await;
    let (_status, metrics) = gateway.ops("/metrics").await;
    let counted: BTreeSet<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("headgate_limit_reached_total{limit=\"")?.split('"').next())
        .collect();
    let documented: BTreeSet<&str> = rows()
        .iter()
        .filter_map(|row| code(row[3]))
        .filter(|metric| !metric.starts_with("headgate_"))
        .collect();
    assert_eq!(documented, counted);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_a_limit_of_webhooks_is_counted_by_its_name() {
    let keys = ProviderKeys::generate();
    let tls = Tls::start(&keys).await;
    let backend = Receiver::start().await;
    let gateway = Setup::quickstart(backend.address, &tls, &keys).start().await;
    let provider = Provider::new(gateway.hooks(), &tls);
    let sample = |endpoint: &str| {
        let all = samples::all(&keys, jiff::Timestamp::now().as_second());
        all.into_iter().find(|sample| sample.endpoint == endpoint).unwrap()
    };

    let mut signed = sample("webchat");
    let (_name, list) = signed.headers.iter_mut().find(|(name, _)| *name == "webhook-signature").unwrap();
    *list = [list.as_str(); 9].join(" ");
    assert_eq!(provider.post(&signed).await.status, 401);

    let items = vec![serde_json::json!({}); 10_001];
    let entry = serde_json::json!({ "id": "1", "messaging": items });
    let batch = samples::meta("Meta", &serde_json::json!({ "object": "page", "entry": [entry] }));
    assert_eq!(provider.post(&batch).await.status, 400);

    let (_status, metrics) = gateway.ops("/metrics").await;
    for limit in ["signatures_max", "webhook_items_max"] {
        let counted = format!("headgate_limit_reached_total{{limit=\"{limit}\"}} 1");
        assert!(metrics.lines().any(|line| line == counted), "{limit}: {metrics}");
    }
    gateway.stop().await;
}

/// All of the source below a folder, in one text.
fn source(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { source(&path) } else { fs::read_to_string(path).unwrap() })
        .collect()
}

#[test]
fn another_metric_that_counts_a_limit_exists() {
    let source = source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    for row in rows() {
        let Some(metric) = code(row[3]).filter(|metric| metric.starts_with("headgate_")) else { continue };
        let name = metric.split('{').next().unwrap();
        let name = ["_total", "_bytes"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        assert!(source.contains(&format!("\"{name}\"")), "no metric {metric}");
    }
}

#[test]
fn every_limit_has_a_name_a_default_and_a_metric() {
    let rows = rows();
    assert!(rows.len() > 40, "the tables were not understood");
    for row in rows {
        assert_eq!(row.len(), 4, "{row:?}");
        assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
}

#[test]
fn the_defaults_are_those_of_the_configuration() {
    let (_, after) = LIMITS.split_once("## Of the store").unwrap();
    let of_keys: Vec<_> =
        rows().into_iter().filter(|row| after.contains(row[2]) && code(row[1]).is_some()).collect();
    assert!(of_keys.len() > 10, "the tables were not understood");
    for row in of_keys {
        let name = row[0].split('`').nth(1).unwrap();
        let default = code(row[1]).unwrap();
        let mut keys = CONFIG.lines().filter(|line| line.starts_with(&format!("| `{name}` |")));
        let is_its = |line: &str| {
            line.contains(&format!("| `{default}` |")) || line.contains(&format!("| `\"{default}\"` |"))
        };
        assert!(keys.any(is_its), "`{name}` is not {default} by default");
    }
}
