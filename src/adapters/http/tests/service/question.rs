//! What is a service asked?

/// Whether a question has come, head and form.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, form)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.split_once("\r\ncontent-length: ");
    let length = length.and_then(|(_, rest)| rest.lines().next()?.parse().ok());
    form.len() >= length.unwrap_or(0)
}

/// What is asked for: a path, and a form as if it were its query.
pub(super) fn target(question: &str) -> String {
    let (head, form) = question.split_once("\r\n\r\n").unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let mark = if form.is_empty() { "" } else { "?" };
    format!("{path}{mark}{form}")
}
