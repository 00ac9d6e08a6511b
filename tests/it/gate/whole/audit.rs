//! The decision log, and what must be in it.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    sync::Arc,
};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use tokio::task::JoinSet;

use super::{
    Whole,
    load::{CONNECTIONS, Kept, RATES},
};

const LOG: &str = "decisions.jsonl";

/// A conversation's route, of which each request must be on record.
const MUST: &str = "\n[[route]]\nmatch = 'GET /api/v1/accounts/{account}/must/conversations/{id}'\nentity = 'conversation'\n\
                    action = 'view'\nobject = 'tag'\naudit = 'must'\n\
                    [[route]]\nmatch = 'GET /api/v1/accounts/{account}/must/answered/{id}'\n\
                    entity = 'conversation'\naction = 'view'\nobject = 'answer'\naudit = 'must'\n";

/// A gateway whose log is what `sink` makes of its path.
async fn start(sink: impl FnOnce(&Path)) -> Whole {
    start_waiting("200ms", sink).await
}

/// One that waits so long for what must be on record.
async fn start_waiting(most: &str, sink: impl FnOnce(&Path)) -> Whole {
    let whole = Whole::start_with(|folder, headgate| {
        sink(&folder.join(LOG));
        let log = format!("waiting_max = 100\naudit_wait_max = \"{most}\"\n{RATES}[backend.chat]");
        headgate.replacen("[backend.chat]", &log, 1)
    })
    .await;
    let file = "tenants/acme/routes.toml";
    whole.reload(file, &(whole.read(file) + MUST)).unwrap();
    whole
}

fn pipe(path: &Path) {
    rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// Somebody begins to read a pipe.
fn read(path: &Path) -> BufReader<File> {
    // Not to wait for the other end, which may be gone.
    BufReader::new(File::from(
        rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).unwrap(),
    ))
}

async fn lost(whole: &Whole) -> u64 {
    let (_, metrics) = whole.ops("GET /metrics", super::OPERATOR, "").await;
    let line = metrics.lines().find(|line| line.starts_with("headgate_decision_log_lost_total ")).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_must_be_on_record_is_so_before_the_backend_is_asked() {
    let whole = start_waiting("5m", |_| {}).await;
    let go = whole.hold();
    let looking = async {
        while whole.held.lock().unwrap().is_some() {
            tokio::task::yield_now().await;
        }
        let told = whole.read(LOG);
        go.send(()).unwrap();
        told
    };
    let (answer, told) = tokio::join!(whole.get("ana", "/must/conversations/104"), looking);
    let id = answer.header("headgate-decision").unwrap();
    let line = told.lines().find(|line| line.contains(id)).unwrap_or_else(|| panic!("no {id} in {told}"));
    assert!(line.contains(r#""outcome":"allowed""#) && line.contains(r#""status":0"#), "{line}");
}

#[tokio::test]
async fn i12_what_must_be_on_record_is_refused_where_it_cannot_be() {
    let whole = start(|log| std::fs::create_dir(log).unwrap()).await;
    for path in ["/must/conversations/101", "/must/answered/101"] {
        let refused = whole.get("adm", path).await;
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{path}");
        assert_eq!(refused.problem(), "unavailable");
    }
    let asked = whole.backend.lines();
    assert!(!asked.iter().any(|line| line.ends_with("/must/conversations/101")), "{asked:?}");
    assert_eq!(
        whole.get("ana", "/must/conversations/102").await.status,
        404,
        "what is denied is denied as ever"
    );
    assert_eq!(whole.status("ana", "101").await, 200, "other routes answer");
    assert!(lost(&whole).await >= 2, "and what their log loses is counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i12_a_log_that_takes_nothing_costs_lines_and_no_request() {
    const REQUESTS: usize = 1_250;
    let whole = Arc::new(start(pipe).await);
    let mut asking = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let whole = Arc::clone(&whole);
        asking.spawn(async move {
            let mut kept = Kept::open(&whole).await;
            let requests = [("101", 200), ("102", 404)].map(|(id, told)| (whole.request("ana", id), told));
            let mut wrong = 0;
            for (request, told) in requests.iter().cycle().take(REQUESTS) {
                wrong += usize::from(kept.status(request).await != *told);
            }
            wrong
        });
    }
    assert_eq!(asking.join_all().await, [0; CONNECTIONS]);
    assert_eq!(whole.get("ana", "/must/conversations/101").await.status, 503);
    // One is in the writer's hands.
    let noted = (CONNECTIONS * REQUESTS + 1) as u64;
    let waiting = noted - lost(&whole).await;
    assert!((100..=101).contains(&waiting), "{waiting} lines wait");

    let log = whole.folder.path().join(LOG);
    let reading = tokio::task::spawn_blocking(move || {
        let file = File::open(log).unwrap();
        BufReader::new(file).lines().take(100).map(Result::unwrap).collect::<Vec<_>>()
    });
    let told = reading.await.unwrap();
    assert!(told.iter().all(|line| line.contains(r#""user":"ana""#)), "what found room is told: {told:?}");
}

#[tokio::test]
async fn a_log_that_takes_nothing_does_not_hold_up_a_stop() {
    let whole = start(pipe).await;
    assert_eq!(whole.status("ana", "101").await, 200);
    let Whole { gateway, folder, .. } = whole;
    gateway.stop().await.unwrap();
    // Lets the thread go that waits for somebody to read.
    let _reading = read(&folder.path().join(LOG));
}
