//! The README's first command: what it shows, and the lines that a reader tries while it runs.
//!
//! The example is the one that `cargo test` built; `scripts/demo` builds and runs the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{address::own_address, program::Program};

/// The built example.
fn example() -> Option<PathBuf> {
    let programs = Path::new(env!("CARGO_BIN_EXE_headgate")).parent().unwrap();
    let example = programs.join("examples/quickstart");
    if example.exists() {
        return Some(example);
    }
    // `cargo test` builds it; `cargo test --test it` does not.
    eprintln!("SKIPPED: no {}: cargo build --example quickstart", example.display());
    None
}

/// Runs it on an address of its own.
fn show(example: &Path, on: Ipv4Addr, arguments: &[&str]) -> Program {
    let mut command = Command::new(example);
    command.arg("--on").arg(on.to_string()).args(arguments);
    Program::start(command)
}

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The first block of the README, in this language, that has a text in it.
fn block(language: &str, with: &str) -> String {
    let readme = file("README.md");
    let begin = format!("```{language}\n");
    let mut blocks = readme.split(&begin).skip(1).filter_map(|rest| rest.split_once("\n```"));
    let (block, _after) = blocks.find(|(block, _after)| block.contains(with)).unwrap();
    block.to_owned()
}

/// The lines after one that begins so, up to an empty one.
fn lines_after<'a>(shown: &'a str, heading: &str) -> Vec<&'a str> {
    let mut lines = shown.lines().skip_while(|line| !line.starts_with(heading)).skip(1);
    let found: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    assert!(!found.is_empty(), "nothing after `{heading}` in\n{shown}");
    found
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// The members of the quickstart's teams; of nobody's team, nobody.
fn members(team: &str) -> &'static [&'static str] {
    match team {
        "support" => &["ana", "ben"],
        "sales" => &["sue"],
        _ => &["-"],
    }
}

/// What ada, an Admin, sam, the Supervisor of support, and ana, an Agent of support, are answered for a
/// conversation under the three presets.
fn expected(responsible: &str, team: &str) -> [&'static str; 9] {
    let if_it_is = |so: bool| if so { "200" } else { "404" };
    let own = if_it_is(responsible == "ana");
    let division = if_it_is(team == "support");
    ["200", division, own, "200", "200", own, "200", "200", own]
}

/// The rows of the table of conversations, each held to [`expected`]; with its name and team.
fn table(lines: &[&str]) -> BTreeMap<String, String> {
    let rows = lines.iter().skip_while(|line| !line.contains("responsible")).skip(1).map(|line| words(line));
    let rows = rows.take_while(|row| row.len() == 12);
    rows.map(|row| {
        let (name, responsible, team) = (row[0], row[1], row[2]);
        assert!(members(team).contains(&responsible), "{row:?}");
        assert_eq!(row[3..], expected(responsible, team), "{name}");
        (name.to_owned(), team.to_owned())
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_show_shows_what_the_readme_says() {
    let Some(example) = example() else { return };
    let (status, shown) = show(&example, own_address(), &["--once"]).ended().await;
    assert!(status.success(), "{status}:\n{shown}");

    // Every channel's event arrives with its conversation, responsible user and team.
    let mut parts = shown.split("The backend received:\n");
    let (posted, first, second) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    assert_eq!(parts.next(), None, "{shown}");
    let posts = posted.lines().filter(|line| line.contains(" POST /hooks/"));
    assert!(posts.clone().all(|line| line.ends_with(" 200 OK")), "{posted}");
    let received: Vec<Vec<&str>> =
        first.lines().skip(1).take_while(|line| !line.is_empty()).map(words).collect();
    // SNS is asked for its subscription, which is no event.
    assert_eq!(received.len(), posts.count() - 1);
    let mut conversations = BTreeSet::new();
    for event in &received {
        let [conversation, kind, _channel, responsible, team] = event[..5] else { panic!("{event:?}") };
        assert!(conversation.starts_with("cv_") && conversations.insert(conversation), "{event:?}");
        assert_eq!(kind, "chat.message.received");
        assert!(members(team).contains(&responsible), "{event:?}");
    }
    let channels: BTreeSet<&str> = received.iter().map(|event| event[2]).collect();
    let every = "crm email facebook instagram line livechat telegram twitter webchat whatsapp";
    assert_eq!(channels, words(every).into_iter().collect());
    assert_eq!(received.iter().filter(|event| event[3] == "-").count(), 1, "only the CRM has no team");

    // The same webhook twice arrives once: only the next message of its conversation does.
    let again = first.rsplit_once("The same WhatsApp webhook again").unwrap().1;
    assert_eq!(again.lines().filter(|line| line.ends_with(" 200 OK")).count(), 2, "{again}");
    let arrived: Vec<Vec<&str>> =
        second.lines().skip(1).take_while(|line| line.starts_with("  cv_")).map(words).collect();
    let of_whatsapp = received.iter().find(|event| event[2] == "whatsapp").unwrap();
    assert_eq!(arrived.len(), 1, "{second}");
    assert_eq!((arrived[0][0], arrived[0][5]), (of_whatsapp[0], "Hello?"));

    // A forged one is refused.
    let forged = lines_after(&shown, "A forged webhook");
    assert!(forged[0].ends_with(" 401 Unauthorized"), "{forged:?}");

    // The same conversations under three presets, and the README's excerpt of them.
    let asked = lines_after(&shown, "Agents ask on https://");
    let table_of_all = table(&asked);
    assert_eq!(table_of_all.len(), received.len());
    let excerpt = block("text", "qontak");
    let excerpt: Vec<&str> = excerpt.lines().collect();
    for (name, team) in table(&excerpt) {
        assert_eq!(table_of_all[&name], team, "{name}");
    }
    assert_eq!(words(excerpt[0]), ["qontak", "kommo", "bitrix24"]);
    assert!(asked.iter().any(|line| words(line) == words(excerpt[0])), "{asked:?}");
    assert!(asked.iter().any(|line| words(line) == words(excerpt[1])), "{asked:?}");

    // One list as each is shown it, and what was taken out.
    let listed = lines_after(&shown, "One list, GET /api/conversations");
    let (rows, removed) = listed.split_at(listed.iter().position(|line| line.contains("taken out")).unwrap());
    assert_eq!(words(rows[0]), ["ada", "sam", "ana", "ben"]);
    assert_eq!(rows.len() - 1, received.len());
    // Of each: the rows that are hidden, the fields of those that are shown, and their one undeclared member.
    let mut expected = ["ada", "sam", "ana", "ben"].map(|user| (user, Removed::default()));
    let joined = removed.iter().find_map(|line| line.split_once("ben is an Agent who takes part in "));
    let joined = joined.unwrap().1.trim_end_matches('.');
    assert_eq!(table_of_all[joined], "sales");
    for row in rows[1..].iter().copied() {
        // The columns stand under their names.
        let cell =
            |at: usize| row.get(at..).map(|rest| words(rest.get(..27).unwrap_or(rest))).unwrap_or_default();
        let cells = [21, 49, 77, 105].map(cell);
        expected.iter_mut().zip(&cells).for_each(|((_, removed), cell)| removed.count(cell));
        let [ada, sam, ana, ben] = cells;
        let name = words(row)[0];
        assert_eq!(ada, FULL, "{name}: the Admin sees every conversation");
        assert!(sam == FULL || sam.is_empty(), "{name}: {sam:?}");
        assert_eq!(
            !sam.is_empty(),
            table_of_all[name] == "support",
            "{name}: the Supervisor sees the team's"
        );
        assert!(ana == AGENTS || ana.is_empty(), "{name}: an Agent sees no number");
        match table_of_all[name].as_str() {
            "support" if ana.is_empty() => assert_eq!(ben, AGENTS, "{name}: the other Agent's"),
            _ if name == joined => assert_eq!(ben, ["id", "who"], "{name}: who takes part sees a glance"),
            _ => assert!(ben.is_empty(), "{name}: {ben:?}"),
        }
    }
    for (user, expected) in expected {
        let line = removed.iter().find(|line| words(line)[0] == user).unwrap();
        let told: Value = serde_json::from_str(line.split_once(" OK ").unwrap().1).unwrap();
        assert_eq!(told, expected.told(), "{user}");
    }
    // The Supervisor loses rows, the Agent the number too, and who takes part all but a glance.
    let fields = |user: &str| {
        let line = removed.iter().find(|line| words(line)[0] == user).unwrap();
        ["phone", "team", "messages"].map(|field| line.contains(&format!("conversation.{field}")))
    };
    assert_eq!(fields("sam"), [false; 3]);
    assert_eq!(fields("ana"), [true, false, false]);
    assert_eq!(fields("ben"), [true; 3]);

    // Why a read was refused: the caller learns nothing, and the operator the reason.
    let refused = lines_after(&shown, "ana, an Agent, reads a conversation of the sales team");
    assert_eq!(
        words(refused[0])[3..],
        words(refused[2])[3..],
        "what is hidden answers as what does not exist does"
    );
    assert!(refused[0].contains(" 404 Not Found") && refused[1].contains("somebody else is responsible"));

    // Two changes that count from the next request on.
    let given = lines_after(&shown, "ada, the Admin, gives ana's conversation");
    assert_eq!(answers(&given), ["ana 200", "ana 403", "ada 200", "ana 404", "ben 200"]);
    let taken = lines_after(&shown, "sam, the Supervisor, loses his roles");
    assert_eq!(answers(&taken), ["sam 200", "POST 200", "sam 404", "sam 200"]);
}

/// The fields of a row of the list, as the columns have them.
const FULL: [&str; 5] = ["id", "who", "team", "phone", "msgs"];

/// The same as an Agent sees their own.
const AGENTS: [&str; 4] = ["id", "who", "team", "msgs"];

/// What was taken out of a list.
#[derive(Default)]
struct Removed {
    rows: u64,
    shown: u64,
    fields: BTreeMap<&'static str, u64>,
}

impl Removed {
    /// Counts what is missing of a row of which this is shown.
    fn count(&mut self, cell: &[&str]) {
        if cell.is_empty() {
            self.rows += 1;
            return;
        }
        self.shown += 1;
        for field in FULL.iter().filter(|field| !cell.contains(field)) {
            let name = match *field {
                "who" => "conversation.assignee",
                "team" => "conversation.team",
                "phone" => "conversation.phone",
                "msgs" => "conversation.messages",
                other => panic!("{other} is shown of every row"),
            };
            *self.fields.entry(name).or_default() += 1;
        }
    }

    /// As an operator is told.
    fn told(&self) -> Value {
        json!({"rows": self.rows, "objects": 0, "fields": self.fields, "undeclared": self.shown})
    }
}

/// Who asked, and the status of the answer, of each line that has one.
fn answers(lines: &[&str]) -> Vec<String> {
    let of = |line: &&str| {
        let words = words(line);
        let status = words.iter().find(|word| word.len() == 3 && word.parse::<u16>().is_ok())?;
        Some(format!("{} {status}", words[0]))
    };
    lines.iter().filter_map(of).collect()
}

/// A shell in which the README's lines reach a show on another address than the usual one.
struct Shell {
    on: Ipv4Addr,
    /// The variables that the show told, and those that the README sets.
    variables: String,
}

impl Shell {
    /// Runs a line as it stands; the status of the answer, and its body.
    fn run(&self, line: &str) -> (u16, String) {
        let mut there = String::new();
        for (host, port) in
            [("localhost", 8443), ("localhost", 8445), ("127.0.0.1", 8090), ("127.0.0.1", 8098)]
        {
            there += &format!(" --connect-to {host}:{port}:{}:{port}", self.on);
        }
        let script = format!(
            "curl() {{ command curl --noproxy '*' -sS -w '\\n%{{http_code}}'{there} \"$@\"; }}\n{}\n{line}\n",
            self.variables
        );
        let run = Command::new("bash").args(["-e", "-c", &script]).output().unwrap();
        let said = String::from_utf8(run.stdout).unwrap();
        let problem = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(run.status.success(), "{line}\n{said}{problem}");
        let (body, status) = said.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_runs_the_lines_of_the_readme_do_what_it_says() {
    let Some(example) = example() else { return };
    let on = own_address();
    let program = show(&example, on, &[]);
    let told = program.line(&["  CA=", " SUE="]).await;
    let block = block("sh", "$SUE");
    let (lines, variables): (Vec<&str>, Vec<&str>) =
        block.lines().filter(|line| !line.starts_with('#')).partition(|line| line.starts_with("curl "));
    let shell = Shell { on, variables: format!("{}\n{}", told.trim(), variables.join("\n")) };

    let [own, messages, hidden, why, assign, leave, invalidate] = lines[..] else { panic!("{lines:?}") };
    assert_eq!(shell.run(own).0, 200, "{own}");
    let (status, said) = shell.run(messages);
    assert!(status == 200 && said.contains("Do you ship to Jakarta?"), "{messages}: {said}");
    let (status, refused) = shell.run(hidden);
    assert_eq!(status, 404, "{hidden}");
    let at = refused.find("dec_").unwrap();
    let decision: String =
        refused.chars().skip(at).take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let (status, record) = shell.run(&why.replace("dec_…", &decision));
    assert!(status == 200 && record.contains("somebody else is responsible"), "{why}: {record}");
    assert_eq!(shell.run(assign).0, 200, "{assign}");
    assert_eq!(shell.run(hidden).0, 200, "who was given it can read it");
    assert_eq!(shell.run(own).0, 200);
    assert_eq!(shell.run(leave).0, 200, "{leave}");
    assert_eq!(shell.run(invalidate).0, 200, "{invalidate}");
    for line in [own, messages, hidden] {
        assert_eq!(shell.run(line).0, 404, "{line}: who was deactivated sees nothing");
    }

    program.signal(Signal::INT);
    let (status, shown) = program.ended().await;
    assert!(status.success(), "Ctrl-C ends it in order: {status}");

    // What it prints to try is what the README has, and more.
    let shown: String = shown.replace(&on.to_string(), "HERE");
    for line in block.lines().filter(|line| !line.starts_with('#')) {
        let line = line.replace("localhost", "HERE").replace("127.0.0.1", "HERE");
        assert!(shown.contains(&format!("  {line}")), "`{line}` is not among what it prints");
    }
}

#[test]
fn the_readmes_commands_are_the_scripts_of_the_repository() {
    assert!(block("sh", "scripts/demo").contains("scripts/demo"));
    assert!(block("sh", "scripts/test").contains("scripts/test"));
    let demo = file("scripts/demo");
    assert!(demo.trim_end().ends_with("--example quickstart -- \"$@\""), "it runs the example: {demo}");
}
