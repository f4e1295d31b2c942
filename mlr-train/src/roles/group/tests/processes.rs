//! Ten owners and a server, each a process of its own; what lies on the board afterwards.

use super::*;

/// Every file below a folder.
pub(super) fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(below(&path)),
            false => found.push(path),
        }
    }
    found
}

/// What may be on no board: the keys of every member and its secret of the session, as bytes and as hex.
fn needles(group: &Group) -> Vec<Vec<u8>> {
    let mut needles = Vec::new();
    for member in 0..=group.owners {
        let files = [
            group.own(member).join("keys/party.key"),
            group.folder(member).join("own/party.secret"),
        ];
        for file in files.iter().filter(|file| file.exists()) {
            let text = fs::read_to_string(file).unwrap();
            let secret = |line: &&str| {
                ["sign ", "receive ", "seed "]
                    .iter()
                    .any(|word| line.starts_with(word))
            };
            for line in text.lines().filter(secret) {
                let hex = line.split(' ').nth(1).unwrap();
                let bytes: [u8; 32] = blake3::Hash::from_hex(hex).unwrap().into();
                needles.extend([hex.as_bytes().to_vec(), bytes.to_vec()]);
            }
        }
        // What others dealt to it, and its share of the opening: for its or the receivers' eyes.
        let own = group.folder(member).join("own");
        let private = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.starts_with("dealt-") || name == "opening" || name == "map.safetensors"
        };
        for path in below(&own).into_iter().filter(private) {
            let bytes = fs::read(path).unwrap();
            // Behind the head of the file, which is public.
            let middle = bytes.len() / 2;
            needles.push(bytes[middle..middle + 48].to_vec());
        }
    }
    needles
}

#[test]
fn ten_owners_as_processes_train_a_model_that_four_of_them_open() {
    let group = Group::new(10, 4, Goal::Model);
    let members: Vec<Child> = (0..=10).map(|member| group.spawn(member)).collect();
    members.into_iter().for_each(Group::done);
    let first = group.model(0);
    for member in 1..10 {
        assert!(group.model(member) == first, "{member}");
    }
    // Chance is one in ten; that of a model of these rows in clear is above nine in ten.
    let right = group.right(0);
    assert!(right * 10 > 400 * 8, "{right} of 400");
    // What was fetched and made to compute with is gone; what was said, and the secret that has answered, are there.
    for member in 0..=10 {
        let folder = group.folder(member);
        assert!(!folder.join("received").exists(), "{member}");
        assert!(folder.join("sent/agree").exists(), "{member}");
        let own = below(&folder.join("own"));
        let made = |path: &&PathBuf| path.to_string_lossy().contains("/verified-");
        assert_eq!(own.iter().filter(made).count(), 0, "{member}");
    }
    assert!(!group.folder(10).join("own/eval-keys").exists());
    assert!(group.folder(0).join("own/party.secret").exists());
    let needles = needles(&group);
    assert!(needles.len() > 2 * 10 * 3, "{}", needles.len());
    for file in below(&group.board()) {
        let content = fs::read(&file).unwrap();
        let found = memchr_any(&content, &needles);
        assert!(found.is_none(), "{} tells a secret", file.display());
    }
    // The search finds what is there.
    assert!(memchr_any(&[b"some ".as_slice(), &needles[1]].concat(), &needles) == Some(1));
}

/// The first needle that a content holds, by windows of its first eight bytes.
fn memchr_any(content: &[u8], needles: &[Vec<u8>]) -> Option<usize> {
    let starts: std::collections::HashMap<[u8; 8], usize> = needles
        .iter()
        .enumerate()
        .map(|(i, needle)| (needle[..8].try_into().unwrap(), i))
        .collect();
    let at = |i: usize| {
        let begin: [u8; 8] = content[i..i + 8].try_into().unwrap();
        let needle = *starts.get(&begin)?;
        content[i..].starts_with(&needles[needle]).then_some(needle)
    };
    (0..content.len().saturating_sub(7)).find_map(at)
}

#[test]
fn owners_that_stay_away_after_their_upload_keep_nobody_from_the_model() {
    let group = Group::new(3, 2, Goal::Model);
    let mut gone = group.spawn(1);
    let others = [0, 2].map(|member| group.spawn(member));
    // The server agrees and goes: until it is back nothing is trained, and nobody is asked to open.
    let mut server = group.spawn(3);
    until("agreement to the plan", || has_said(&group, 3, "accept"));
    server.kill().unwrap();
    server.wait().unwrap();
    until("an upload", || has_said(&group, 1, "upload"));
    gone.kill().unwrap();
    gone.wait().unwrap();
    let server = group.spawn(3);
    others.into_iter().chain([server]).for_each(Group::done);
    assert!(group.model(0) == group.model(2));
    assert!(group.right(0) * 10 > 120 * 8);
    assert!(!group.own(1).join("model").exists());
    // It comes back, opens nothing, and gets the model as everybody.
    Group::done(group.spawn(1));
    assert!(group.model(1) == group.model(0));
    assert!(!group.folder(1).join("own/answered").exists());
}

#[test]
fn an_owner_that_was_there_long_ago_is_not_named_to_open() {
    let group = Group::new(3, 2, Goal::Model);
    let once = |member| super::attacks::once(&group, member);
    while !has_said(&group, 3, "model") {
        for member in 0..4 {
            let waits = once(member).unwrap_err();
            assert_eq!(
                he_core::error::Explain::class(&waits),
                he_core::error::Class::Waiting
            );
            if has_said(&group, 3, "model") {
                break;
            }
        }
    }
    // It says that it is there, and goes for good.
    assert!(once(0).is_err());
    assert!(has_said(&group, 0, "ready"));
    let mut server = group.process(3).env(IMPATIENT, "").spawn().unwrap();
    // The server's process sees that word, and the next one only after it has grown old.
    std::thread::sleep(Duration::from_secs(2));
    assert!(server.try_wait().unwrap().is_none());
    let others = [1, 2].map(|member| group.spawn(member));
    others.into_iter().chain([server]).for_each(Group::done);
    assert!(has_said(&group, 3, "call-0") && has_said(&group, 2, "here-0"));
    assert!(has_said(&group, 2, "share") && !has_said(&group, 0, "share"));
    assert!(group.model(1) == group.model(2));
    // It comes back, opens nothing, and gets the model.
    assert!(once(0).is_ok());
    assert!(group.model(0) == group.model(1));
    assert!(!group.folder(0).join("own/answered").exists());
}

/// Whether a member's message of a step lies on the board.
fn has_said(group: &Group, member: usize, step: &str) -> bool {
    let name = format!("member {member}");
    let board = FolderBoard::open(&group.board()).unwrap();
    let status = super::super::status::run(&board, None).unwrap();
    let said = status.steps.iter().find(|said| said.step == step);
    said.is_some_and(|said| said.said.contains(&name))
}
