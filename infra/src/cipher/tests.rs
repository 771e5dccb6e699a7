use std::fs;

use super::*;

const CONTEXT: &str = "connections/conn_1/access_token";

fn ring() -> KeyRing {
    KeyRing::of(&Secret::new(key()), None).unwrap()
}

fn key() -> String {
    BASE64.encode(Key::<XChaCha20Poly1305>::generate())
}

fn token() -> Secret {
    Secret::new("EAAG-token-ש")
}

#[test]
fn what_was_sealed_is_opened_by_the_same_key_in_the_same_place_only() {
    let cipher = ring();
    let sealed = cipher.encrypt(&token(), CONTEXT);
    assert_eq!(cipher.decrypt(&sealed, CONTEXT), Ok(token()));
    assert_eq!(cipher.decrypt(&sealed, "connections/conn_2/access_token"), Err(CipherError));
    assert_eq!(ring().decrypt(&sealed, CONTEXT), Err(CipherError));
    assert_ne!(cipher.encrypt(&token(), CONTEXT), sealed, "every sealing has its own nonce");
    assert_eq!(cipher.decrypt(&cipher.encrypt(&Secret::new(""), ""), ""), Ok(Secret::new("")));
}

#[test]
fn a_changed_byte_or_a_cut_is_noticed_wherever_it_is() {
    let cipher = ring();
    let sealed = cipher.encrypt(&token(), CONTEXT);
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert_eq!(cipher.decrypt(&changed, CONTEXT), Err(CipherError), "byte {at}");
        assert_eq!(cipher.decrypt(&sealed[..at], CONTEXT), Err(CipherError), "cut at {at}");
    }
}

#[test]
fn keys_are_32_bytes_in_base64() {
    let good = BASE64.encode([7; 32]);
    let opens = |text: &str| {
        let sealed = KeyRing::of(&Secret::new(&*good), None).unwrap().encrypt(&token(), CONTEXT);
        KeyRing::of(&Secret::new(text), None).map(|cipher| cipher.decrypt(&sealed, CONTEXT) == Ok(token()))
    };
    assert_eq!(opens(&good), Ok(true));
    assert_eq!(opens(&format!(" {}\n", good.trim_end_matches('='))), Ok(true));
    assert_eq!(opens(&BASE64.encode([8; 32])), Ok(false));
    for bad in ["", "secret", &BASE64.encode([7; 31]), &BASE64.encode([7; 33]), &"07".repeat(32)] {
        assert_eq!(opens(bad), Err(BadKey), "{bad}");
    }
}

#[test]
fn the_key_file_is_private_and_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("new/data");
    let sealed = KeyRing::of_folder(&data).unwrap().encrypt(&token(), CONTEXT);
    assert_eq!(KeyRing::of_folder(&data).unwrap().decrypt(&sealed, CONTEXT), Ok(token()));
    let names: Vec<_> = fs::read_dir(&data).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["secret.key"], "no draft is left");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(data.join("secret.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn of_several_first_starts_all_use_one_key() {
    let dir = tempfile::tempdir().unwrap();
    let ciphers: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> =
            (0..8).map(|_| scope.spawn(|| KeyRing::of_folder(dir.path()).unwrap())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    let sealed = ciphers[0].encrypt(&token(), CONTEXT);
    assert!(ciphers.iter().all(|cipher| cipher.decrypt(&sealed, CONTEXT) == Ok(token())));
}

#[test]
fn a_damaged_key_file_is_told_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret.key");
    fs::write(&path, "half a k").unwrap();
    let error = KeyRing::of_folder(dir.path()).err().unwrap().to_string();
    assert!(error.contains("secret.key does not hold a key") && !error.contains("half a k"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "half a k");
}

#[test]
fn both_keys_open_while_one_goes_to_the_other_and_each_value_moves_once() {
    let (old, new) = (Secret::new(key()), Secret::new(key()));
    let before = KeyRing::of(&old, None).unwrap().encrypt(&token(), CONTEXT);
    let ring = KeyRing::of(&new, Some(&old)).unwrap();
    assert_eq!(ring.decrypt(&before, CONTEXT), Ok(token()));
    let after = ring.reseal(&before, CONTEXT).unwrap().unwrap();
    assert_eq!(ring.reseal(&after, CONTEXT), Ok(None));
    assert_eq!(ring.reseal(&before, "elsewhere"), Err(CipherError));
    let alone = KeyRing::of(&new, None).unwrap();
    assert_eq!(alone.decrypt(&after, CONTEXT), Ok(token()));
    assert_eq!(alone.decrypt(&before, CONTEXT), Err(CipherError));
}

#[test]
fn a_running_process_follows_a_rotation_of_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    assert!(begin_rotation(dir.path()).is_err(), "there is nothing to rotate");
    let running = KeyRing::of_folder(dir.path()).unwrap();
    let before = running.encrypt(&token(), CONTEXT);
    // Begun twice, as after a crash: the key that it goes to stays.
    begin_rotation(dir.path()).unwrap();
    let rotating = KeyRing::of_folder(dir.path()).unwrap();
    let after = rotating.reseal(&before, CONTEXT).unwrap().unwrap();
    begin_rotation(dir.path()).unwrap();
    assert_eq!(KeyRing::of_folder(dir.path()).unwrap().reseal(&after, CONTEXT), Ok(None));
    for sealed in [&before, &after] {
        assert_eq!(running.decrypt(sealed, CONTEXT), Ok(token()));
    }
    // What it seals from the rotation's beginning on is readable after the end.
    let meanwhile = running.encrypt(&token(), CONTEXT);
    end_rotation(dir.path()).unwrap();
    let restarted = KeyRing::of_folder(dir.path()).unwrap();
    for sealed in [&after, &meanwhile, &running.encrypt(&token(), CONTEXT)] {
        assert_eq!(
            (restarted.decrypt(sealed, CONTEXT), running.decrypt(sealed, CONTEXT)),
            (Ok(token()), Ok(token()))
        );
    }
    assert_eq!(restarted.decrypt(&before, CONTEXT), Err(CipherError));
    let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["secret.key"]);
}
