//! Which names and URLs are of SNS: nothing is fetched or visited that does not pass here.

use http::Uri;

/// The name of a topic: `arn:<partition>:sns:<region>:<account>:<name>`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arn<'a> {
    /// Where the topic is.
    pub(super) region: &'a str,
}

impl<'a> Arn<'a> {
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (arn, _partition, service, region) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let (_account, name) = (parts.next()?, parts.next()?);
        (arn == "arn" && service == "sns" && is_region(region) && !name.is_empty()).then_some(Self { region })
    }
}

/// The URL of a certificate, if it is one of SNS in the topic's region.
pub(super) fn certificate<'u>(url: &'u str, topic: Arn<'_>) -> Option<&'u str> {
    let uri = of_sns(url, topic)?;
    (uri.path().ends_with(".pem") && uri.query().is_none()).then_some(url)
}

/// The URL that confirms a subscription, if it is one of SNS in the topic's region.
pub(super) fn confirmation<'u>(url: &'u str, topic: Arn<'_>) -> Option<&'u str> {
    let uri = of_sns(url, topic)?;
    let query: Vec<_> = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).collect();
    let mut actions = query.iter().filter(|(name, _)| name == "Action");
    let confirms = actions.next().is_some_and(|(_, action)| action == "ConfirmSubscription");
    (confirms && actions.next().is_none()).then_some(url)
}

/// `https://sns.<region>.amazonaws.com[.cn]/…` without a port or user.
fn of_sns(url: &str, topic: Arn<'_>) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.authority()?.as_str();
    let region = host.strip_prefix("sns.")?;
    let region = region.strip_suffix(".cn").unwrap_or(region).strip_suffix(".amazonaws.com")?;
    // In its one spelling, as whoever reads it after this may know no other.
    (url.starts_with("https://") && is_region(region) && region == topic.region).then_some(uri)
}

/// `[a-z0-9-]{3,}`: no dot, at sign or colon, so nothing but a region fits between `sns.` and the domain.
fn is_region(text: &str) -> bool {
    text.len() >= 3 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:mail";

    #[test]
    fn only_certificates_of_sns_in_the_topic_s_region_are_fetched() {
        for (url, good) in [
            ("https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem", true),
            ("https://sns.us-east-1.amazonaws.com.cn/SimpleNotificationService-1.pem", true),
            ("http://sns.us-east-1.amazonaws.com/a.pem", false),
            ("httpS://sns.us-east-1.amazonaws.com/a.pem", false),
            ("https://sns.us-west-2.amazonaws.com/a.pem", false),
            ("https://sns.us-east-1.amazonaws.com/a.pem?x=1", false),
            ("https://sns.us-east-1.amazonaws.com/a", false),
            ("https://sns.us-east-1.amazonaws.com:8443/a.pem", false),
            ("https://sns.us-east-1.amazonaws.com:443/a.pem", false),
            ("https://user@sns.us-east-1.amazonaws.com/a.pem", false),
            ("https://sns.us-east-1.amazonaws.com@evil.example/a.pem", false),
            ("https://sns.us-east-1.amazonaws.com.evil.example/a.pem", false),
            ("https://evil.example/sns.us-east-1.amazonaws.com/a.pem", false),
            ("https://xsns.us-east-1.amazonaws.com/a.pem", false),
            ("https://sns.evil.us-east-1.amazonaws.com/a.pem", false),
            ("https://sns.us-east-1.amazonaws.com\\@evil.example/a.pem", false),
            ("https://sns.us-east-1.amazonaws.com#.pem", false),
            ("//sns.us-east-1.amazonaws.com/a.pem", false),
            ("/a.pem", false),
            ("", false),
        ] {
            assert_eq!(certificate(url, Arn::read(TOPIC).unwrap()).is_some(), good, "{url}");
        }
    }

    #[test]
    fn only_confirmations_are_visited() {
        for (query, good) in [
            ("?Action=ConfirmSubscription&Token=1", true),
            ("?Token=1&Action=ConfirmSubscription", true),
            ("?Action=Unsubscribe", false),
            ("?Action=ConfirmSubscription&Action=Unsubscribe", false),
            ("?action=ConfirmSubscription", false),
            ("", false),
        ] {
            let url = format!("https://sns.us-east-1.amazonaws.com/{query}");
            assert_eq!(confirmation(&url, Arn::read(TOPIC).unwrap()).is_some(), good, "{url}");
        }
        let elsewhere = "https://evil.example/?Action=ConfirmSubscription";
        assert!(confirmation(elsewhere, Arn::read(TOPIC).unwrap()).is_none());
    }

    #[test]
    fn a_topic_s_name_says_its_region() {
        assert_eq!(Arn::read(TOPIC).unwrap().region, "us-east-1");
        for bad in ["", "arn:aws:sqs:us-east-1:1:q", "arn:aws:sns:us-east-1:1", "arn:aws:sns:us.east:1:t"] {
            assert!(Arn::read(bad).is_none(), "{bad}");
        }
    }
}
