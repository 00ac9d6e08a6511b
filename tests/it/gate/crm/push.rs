//! Who sees no more than their own asks the CRM for no more, and is shown the same if it does not listen.

use std::collections::BTreeSet;

use super::{
    Crm, ROLES, USERS,
    api::{LEADS, may_view, responsible, told, told_all},
};

const PUSHED: &str = "filter%5Bresponsible_user_id%5D";
const KINDS: [&str; 4] = ["leads", "contacts", "companies", "tasks"];

/// Roles without relations and without rules by which more is seen: their own alone.
const PLAIN: &str = r#"
use = ["base"]
[role."kommo.administrator"]
grants = { "*" = { "*" = "all" } }
[role.seller.grants]
lead = { list = "own", view = "own" }
contact = { list = "own", view = "own" }
company = { list = "own", view = "own" }
task = { list = "own", view = "own" }
"#;

#[tokio::test]
async fn who_sees_their_own_alone_asks_for_no_more() {
    for told in [told, told_all] {
        let crm = Crm::with(told, PLAIN).await;
        for (user, ..) in USERS {
            let own: Vec<_> =
                (1..=LEADS).filter(|id| user == "13" || responsible(*id).to_string() == user).collect();
            for kind in KINDS {
                for query in ["page=1", "page=1&with=contacts", "page=1&filter[created_at][from]=1"] {
                    let before = crm.backend.lines().len();
                    assert_eq!(crm.listed(user, kind, query).await, own, "{user}: {kind}?{query}");
                    for line in &crm.backend.lines()[before..] {
                        let pushed = format!("{PUSHED}={user}");
                        assert_eq!(line.contains(&pushed), user != "13", "{user}: {line}");
                        assert_eq!(line.matches("responsible").count(), usize::from(user != "13"), "{line}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn who_asks_for_somebodys_is_not_asked_for_somebody_elses() {
    for (told, obeys) in [(told as fn(&_) -> _, true), (told_all, false)] {
        let crm = Crm::with(told, PLAIN).await;
        for (query, of) in [
            ("filter[responsible_user_id]=11", &[11][..]),
            ("filter[responsible_user_id]=12", &[12]),
            ("filter[responsible_user_id][]=11", &[11]),
            ("filter[responsible_user_id][]=11&filter[responsible_user_id][]=12", &[11, 12]),
            ("filter%5Bresponsible_user_id%5D=12", &[12]),
        ] {
            for kind in KINDS {
                let before = crm.backend.lines().len();
                let shown = crm.listed("11", kind, &format!("page=1&{query}")).await;
                let own = (1..=LEADS).filter(|id| responsible(*id) == 11);
                let expected: Vec<_> = own.filter(|_| !obeys || of.contains(&11)).collect();
                assert_eq!(shown, expected, "{kind}?{query}");
                for line in &crm.backend.lines()[before..] {
                    assert!(line.contains(query), "{line}");
                    assert_eq!(line.matches("responsible").count(), query.matches("responsible").count());
                }
            }
        }
    }
}

#[tokio::test]
async fn who_sees_more_than_their_own_is_left_the_whole_list() {
    for told in [told, told_all] {
        let crm = Crm::with(told, ROLES).await;
        for (user, ..) in USERS {
            for kind in KINDS {
                let before = crm.backend.lines().len();
                let shown: BTreeSet<_> = crm.listed(user, kind, "page=1").await.into_iter().collect();
                let expected = (1..=LEADS).filter(|id| may_view(user, kind, *id)).collect();
                assert!(shown.is_superset(&expected), "{user}: {kind}: {shown:?}");
                for line in &crm.backend.lines()[before..] {
                    // They take part in leads, see contacts on them, and companies of their group.
                    let pushed = kind == "tasks" && user != "13";
                    assert_eq!(line.contains(PUSHED), pushed, "{user}: {line}");
                }
            }
        }
    }
}
