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
    let agents = |main: String| {
        let listener = "[listener.agents]\naddress = \"127.0.0.1:0\"\n";
        let api = format!("[backend.chat]\napi = [\"http://{}\"]\n", backend.address);
        listener.to_owned() + &main.replace("[backend.chat]\n", &api)
    };
    let setup = Setup::quickstart(backend.address, &tls, &keys).edit("headgate.toml", agents);
    setup.write("tenants/default/routes.toml", "backend = \"chat\"\nshared = []\n");
    let gateway = setup.start().await;
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

/// Bounds of the source that neither `docs/limits.md` nor `docs/config.md` has under this name: the pages tell them in other words, they
/// are parts of larger ones, or nothing is turned away at them.
const UNDER_NO_NAME: &str = "
    addresses_max answers_max any_depth_max bytes_max cache_bytes_max certificate_age_max certificates_max
    challenge_bytes_max chars_max close_max commit_bytes_max commit_records_max compared_bytes_max
    credit_max depth_max document_bytes_max entries_max export_age_max export_id_bytes_max exports_max
    failures_max fetch_bytes_max fetches_max field_bytes_max fields_max guesses_max head_bytes_max
    id_bytes_max idle_connections_max interim_max invalidations_max items_max jwks_bytes_max kept_max
    leeway_max lines_per_sync_max linger_bytes_max look_back_max marks_max name_bytes_max names_max
    nested_max nesting_max object_bytes_max orphans_max overtaken_max page_max parameter_bytes_max
    parameters_max part_header_bytes_max parts_max pause_max places_max questions_max
    queue_bytes_max queue_records_max readings_max recipients_max record_bytes_max records_max
    remembered_max replied_max role_sets_max roles_per_user_max row_id_bytes_max rows_max
    rule_depth_max secret_bytes_max segment_age_max segment_bytes_max specific_then_max spellings_max
    spent_age_max states_max strangers_kept_max teams_bytes_max tenants_max text_bytes_max token_bytes_max
    token_chars_max tokens_max told_max tries_max unreadable_age_max user_bytes_max users_max
    value_bytes_max via_depth_max waiting_bytes_max width_max words_max zstd_window_max
";

#[test]
fn a_bound_of_the_source_is_named_in_the_documentation_or_known_not_to_be() {
    let words = |text: &str| {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_ascii_lowercase);
        words.filter(|word| word.ends_with("_max")).collect::<BTreeSet<_>>()
    };
    let named = words(&format!("{LIMITS}{CONFIG}"));
    let bounds = words(&source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")));
    let unnamed: BTreeSet<_> = bounds.difference(&named).cloned().collect();
    assert_eq!(
        unnamed,
        words(UNDER_NO_NAME),
        "name it where operators read, with its default and its metric"
    );
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
