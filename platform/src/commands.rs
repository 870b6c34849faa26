//! Commands that stand in manifests, workflows and pages, asked of the programs that would run them.

use std::path::Path;
use std::process::Command;

use crate::root;

/// What is wrong with the arguments of a `geocrop` command: a verb or an option that `--help` does not know.
pub fn wrong_in(binary: &Path, words: &[String]) -> Vec<String> {
    let verbs: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .take_while(|word| is_verb(word))
        .collect();
    // A verb's own first argument may look like a verb: the help that answers says how many there are.
    let help = (0..=verbs.len())
        .rev()
        .find_map(|count| help(binary, &verbs[..count]).map(|help| (count, help)));
    let Some((count, help)) = help else {
        return vec![format!("{} does not start", binary.display())];
    };
    let takes_an_argument = help.lines().any(|line| {
        line.starts_with("Usage:") && line.contains('<') && !line.contains("<COMMAND>")
    });
    let mut wrong = Vec::new();
    if count < verbs.len() && !takes_an_argument {
        wrong.push(format!(
            "geocrop {}: there is no such command",
            verbs.join(" ")
        ));
    }
    let known = |option: &str| {
        help.split(|c: char| c.is_whitespace() || c == ',')
            .any(|word| word == option || word.strip_suffix("...") == Some(option))
    };
    for word in words
        .iter()
        .filter(|word| word.starts_with('-') && word.len() > 1)
    {
        let option = word.split('=').next().unwrap_or(word);
        if !known(option) {
            wrong.push(format!("geocrop {} has no {option}", verbs.join(" ")));
        }
    }
    wrong
}

/// Whether a word names a shell script.
pub fn is_script(word: &str) -> bool {
    Path::new(word)
        .extension()
        .is_some_and(|ending| ending == "sh")
}

fn is_verb(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

fn help(binary: &Path, verbs: &[&str]) -> Option<String> {
    let output = Command::new(binary)
        .args(verbs)
        .arg("--help")
        .current_dir(root())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The commands of a script, a line each: what is continued with `\` is one, comments are gone, and each part of a pipe or a list
/// stands for itself.
pub fn lines(script: &str) -> Vec<String> {
    let joined = script.replace("\\\n", " ");
    joined
        .lines()
        .map(|line| line.split(" #").next().unwrap_or(line).trim())
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .flat_map(|line| line.split(" && ").flat_map(|part| part.split(" | ")))
        .map(|part| part.trim().to_owned())
        .collect()
}

/// The words after `geocrop` in a command, if it is one: alone, through `./dev run`, in a pod or in a container.
pub fn geocrop_words(line: &str) -> Option<Vec<String>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    // `geocrop` as the name of a namespace, a database or an image is no command.
    let starts = |at: usize| {
        at == 0
            || matches!(words[at - 1], "--" | "exec" | "sudo")
            || words[..at].iter().all(|word| word.contains('='))
            || (words[0] == "docker" && words.contains(&"exec"))
    };
    let from = if words.starts_with(&["./dev", "run"]) {
        2
    } else {
        let names = |word: &str| word == "geocrop" || word.ends_with("/geocrop");
        1 + (0..words.len()).find(|&at| names(words[at]) && starts(at))?
    };
    let end = words[from..]
        .iter()
        .position(|word| matches!(*word, ">" | "<" | "2>&1" | ";" | "||" | "|"))
        .map_or(words.len(), |end| from + end);
    Some(
        words[from..end]
            .iter()
            .map(|word| word.trim_matches(['"', '\'', '`']).to_owned())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_found_wherever_it_is_run() {
        let words = |line| geocrop_words(line).map(|words| words.join(" "));
        assert_eq!(words("geocrop doctor --json"), Some("doctor --json".into()));
        assert_eq!(words("./dev run site build"), Some("site build".into()));
        assert_eq!(
            words("kubectl -n geocrop exec deploy/api -- geocrop user add owner > password"),
            Some("user add owner".into())
        );
        assert_eq!(
            words("docker compose exec api geocrop doctor"),
            Some("doctor".into())
        );
        assert_eq!(words("A=1 geocrop worker"), Some("worker".into()));
        assert_eq!(words("kubectl -n geocrop get pods"), None);
    }

    #[test]
    fn continued_lines_are_one_and_comments_none() {
        assert_eq!(
            lines("a \\\n  b\n# c\nd | e && f # g\n"),
            ["a    b", "d", "e", "f"]
        );
    }
}
