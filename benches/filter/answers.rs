//! Answers of a helpdesk with names and texts of many scripts, escapes, and messages with attachments.

use std::fmt::Write as _;

const NAMES: [&str; 6] = [
    "Ирина Ковач",
    "Zoé \\\"Zaza\\\" Lefèvre",
    "Chen Jing 陈静",
    "Groß-Weidenfeld",
    "O'Connor",
    "\\u0418\\u043b\\u044c\\u044f",
];
const TEXTS: [&str; 5] = [
    "When will it be here?",
    "Gracias 👍, lo miro ahora\\n\\nUn saludo",
    "Добрый день! Где мой заказ? \\ud83d\\ude42",
    "tracking: https:\\/\\/parcels.example\\/t\\/4711 \\u00e0 bient\\u00f4t",
    "fine",
];
const LONG: &str =
    "This one has a few more words in it, as messages of customers do when something went wrong twice.";

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.below(words.len() as u64)).unwrap()]
    }
}

/// A list of conversations, each of one of these teams and with so many messages: about half a KiB with one,
/// 5 KiB with 38.
pub(crate) fn list(rows: u64, messages: u64, teams: &[u64]) -> Vec<u8> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut out = format!(r#"{{"meta":{{"count":{rows},"current_page":1}},"payload":["#);
    for row in 0..rows {
        out.push_str(if row > 0 { "," } else { "" });
        conversation(&mut out, &mut dice, row, messages, teams);
    }
    out.push_str("]}");
    out.into_bytes()
}

fn conversation(out: &mut String, dice: &mut Dice, row: u64, messages: u64, teams: &[u64]) {
    let team = teams[usize::try_from(dice.below(teams.len() as u64)).unwrap()];
    let (id, agent, contact) = (1_000_000 + row, 10 + dice.below(1000), dice.below(1_000_000));
    let (channel, day, unread) =
        (dice.of(&["whatsapp", "email", "telegram"]), 1 + dice.below(28), dice.below(9));
    write!(
        out,
        r#"{{"id":{id},"channel":"{channel}","status":"open","created_at":"2026-11-{day:02}T08:15:30.123Z","labels":["vip","late"],"unread":{unread},"assignee":{{"id":{agent}}},"team":{{"id":{team}}},"custom_attributes":{{"crm_id":"A-{contact}","score":{unread}.5}},"contact":{{"id":{contact},"name":"{}","phone":"+34{contact:09}","email":"user{contact}@mail.example","thumbnail":"https://cdn.example/t/{contact}.png"}},"messages":["#,
        dice.of(&NAMES)
    )
    .unwrap();
    for message in 0..messages {
        out.push_str(if message > 0 { "," } else { "" });
        let text = if messages > 1 && dice.below(6) == 0 { LONG } else { dice.of(&TEXTS) };
        let private = dice.below(2) == 0;
        write!(
            out,
            r#"{{"id":{},"content":"{text}","private":{private},"attachments":["#,
            dice.below(9_000_000)
        )
        .unwrap();
        if dice.below(4) == 0 {
            let file = dice.below(1 << 40);
            write!(out, r#"{{"id":{message},"file_type":"image","data_url":"https://files.example/a/{file:x}.jpg","size":{}}}"#, dice.below(1 << 22)).unwrap();
        }
        out.push_str("]}");
    }
    out.push_str("]}");
}
