use super::*;
use crate::multiparty::{
    ActiveSet, Commitment, JointPublicKey, KeyItem, Opening, OpeningKey, OpeningSecurity, PartyId,
    PartySecret, Proof, RefreshQuestion, RowSecret, Session, Shape, Smudging, UploadKey,
    UploadTerms,
};
use crate::ring::GaloisElement;

fn session(id: u8) -> Arc<Session> {
    let literal = ParamsLiteral {
        log_n: 10,
        q_bits: vec![48, 48, 40],
        p_bits: vec![48, 48],
        dnum: 3,
    };
    let params = Params::insecure_test(literal).unwrap();
    let context = Context::new(Arc::new(params.for_parties(2).unwrap())).unwrap();
    Session::new(&context, [id; 32], 1).unwrap()
}

fn party(session: &Session, index: u32) -> PartyId {
    session.party(index).unwrap()
}

fn secrets(session: &Arc<Session>) -> Vec<PartySecret> {
    let all = session.all();
    all.map(|party| {
        let seed = Zeroizing::new([party.index() as u8; 32]);
        PartySecret::from_seed(session, party, seed).unwrap()
    })
    .collect()
}

/// What every message must refuse: another session, another party, and any damage.
fn assert_bound<T>(bytes: &[u8], read: impl Fn(&[u8], &Session, PartyId) -> Result<T, WireError>) {
    let (own, other) = (session(1), session(2));
    let who = party(&own, 1);
    assert!(read(bytes, &own, who).is_ok());
    assert!(matches!(
        read(bytes, &other, party(&other, 1)),
        Err(WireError::Binding { .. })
    ));
    assert!(matches!(
        read(bytes, &own, party(&own, 0)),
        Err(WireError::Field { .. })
    ));
    for cut in [0, 55, 80, bytes.len() / 2, bytes.len() - 1] {
        assert!(read(&bytes[..cut], &own, who).is_err());
    }
    let longer = [bytes, &[0]].concat();
    assert!(read(&longer, &own, who).is_err());
    let middle = bytes.len() / 2;
    for at in [9, 12, 57, 64, middle, bytes.len() - 1] {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 4;
        assert!(read(&bytes, &own, who).is_err(), "byte {at}");
    }
}

#[test]
fn key_shares_and_commitments_come_back() {
    let session = session(1);
    let secret = &secrets(&session)[1];
    let g = GaloisElement::rotation(3, 10);
    let top = session.context().params().max_level();
    for share in [
        secret.public_key_share().unwrap(),
        secret.galois_share(g, top).unwrap(),
        secret.galois_share(g, 0).unwrap(),
        secret.relinearisation_one(top).unwrap(),
        secret.relinearisation_one(0).unwrap(),
    ] {
        let level = share.level();
        let (_, bytes) = write_key_share(vec![], "test", &session, &share).unwrap();
        let item = share.item();
        let read = |item, level| {
            let source = Source::of("test", &bytes[..]);
            read_key_share(source, &session, secret.party(), item, level)
        };
        let found = read(item, level);
        assert_eq!(found.unwrap().digest(&session), share.digest(&session));
        assert_eq!(KeyItem::from_code(item.code(), 10), Some(item));
        assert_bound(&bytes, |bytes, session, party| {
            read_key_share(Source::of("test", bytes), session, party, item, level)
        });
        let other = KeyItem::Galois(GaloisElement::rotation(4, 10));
        let other = read(other, level);
        // A longer share is refused by its size, before its header is looked at.
        assert!(matches!(
            other,
            Err(WireError::Field { .. } | WireError::TooLarge { .. })
        ));
        // A share of another level than the plan's, named as such.
        if item != KeyItem::PublicKey && level < top {
            let error = read(item, level + 1).unwrap_err();
            let expected = format!("expected {}, found {level}", level + 1);
            assert!(
                error.to_string().contains("level of a key share"),
                "{error}"
            );
            assert!(error.to_string().contains(&expected), "{error}");
        }
        assert!(matches!(
            read(item, top + 1),
            Err(WireError::Multiparty { .. })
        ));
    }
    assert_eq!(KeyItem::from_code(6, 10), None);
    assert_eq!(KeyItem::from_code((2048 << 1) | 1, 10), None);
    let commitment = Commitment([7; 32]);
    let (_, bytes) =
        write_commitment(vec![], "test", &session, secret.party(), &commitment).unwrap();
    assert_bound(&bytes, |bytes, session, party| {
        read_commitment(Source::of("test", bytes), session, party)
    });
    let found = read_commitment(Source::of("test", &bytes), &session, secret.party());
    assert_eq!(found.unwrap(), commitment);
}

#[test]
fn shares_of_secrets_openings_and_refreshes_come_back_for_their_question() {
    let session = session(1);
    let secrets = secrets(&session);
    let [p0, p1] = [0, 1].map(|i| party(&session, i));
    let dealt: Vec<_> = secrets.iter().map(|s| s.deal().unwrap()).collect();
    let (_, bytes) = write_dealt_share(vec![], "test", &session, &dealt[1][0]).unwrap();
    let found = read_dealt_share(Source::of("test", &bytes), &session, p1, p0).unwrap();
    assert_eq!(bits(found.value()), bits(dealt[1][0].value()));
    assert!(read_dealt_share(Source::of("test", &bytes), &session, p1, p1).is_err());
    assert_bound(&bytes, |bytes, session, from| {
        read_dealt_share(Source::of("test", bytes), session, from, party(session, 0))
    });

    let own = [dealt[0][1].clone(), dealt[1][1].clone()];
    let mut key = OpeningKey::from_dealt(&secrets[1], &own).unwrap();
    let shares: Vec<_> = secrets
        .iter()
        .map(|s| s.public_key_share().unwrap())
        .collect();
    let public = JointPublicKey::from_shares(&session, &shares).unwrap();
    let context = session.context();
    let plain = Poly::zero(context.ring(), context.ring().basis(2));
    let encrypt = || public.public_key().unwrap().encrypt(&plain).unwrap();
    let active = ActiveSet::new(&session, vec![p1]).unwrap();
    let smudging =
        Smudging::for_noise(context.params(), 1e5, 1, OpeningSecurity::Statistical).unwrap();
    let ask = || {
        let cts = vec![encrypt()];
        Opening::new(&session, cts, active.clone(), None, smudging).unwrap()
    };
    let (opening, other) = (ask(), ask());
    let share = key.answer(&opening).unwrap();
    let (_, bytes) = write_opening_share(vec![], "test", &session, &share).unwrap();
    let found = read_opening_share(Source::of("test", &bytes), &session, &opening, p1).unwrap();
    assert_eq!(bits(&found.parts()[0]), bits(&share.parts()[0]));
    assert_bound(&bytes, |bytes, session, party| {
        read_opening_share(Source::of("test", bytes), session, &opening, party)
    });
    let error = read_opening_share(Source::of("test", &bytes), &session, &other, p1).unwrap_err();
    assert!(matches!(error, WireError::Multiparty { .. }), "{error}");

    // Two ciphertexts, from different levels.
    let ask = || {
        [1, 2].map(|from| {
            let ct = encrypt().at_level(from);
            RefreshQuestion::new(&session, ct, 1e4, 2, active.clone()).unwrap()
        })
    };
    let (asked, other) = (ask(), ask());
    let shares = asked.each_ref().map(|asked| key.refresh(asked).unwrap());
    let (_, bytes) = write_refresh_shares(vec![], "test", &session, p1, &shares).unwrap();
    let read = |bytes: &[u8], session: &Session, asked: &[RefreshQuestion], party| {
        read_refresh_shares(Source::of("test", bytes), session, asked, party)
    };
    let found = read(&bytes, &session, &asked, p1).unwrap();
    for (found, share) in found.iter().zip(&shares) {
        assert_eq!(found.parts().map(bits), share.parts().map(bits));
    }
    assert_eq!(found.len(), 2);
    assert_bound(&bytes, |bytes, session, party| {
        read(bytes, session, &asked, party)
    });
    let mixed = [asked[0].clone(), other[1].clone()];
    for asked in [&other[..], &mixed, &asked[..1]] {
        assert!(read(&bytes, &session, asked, p1).is_err());
    }
}

#[test]
fn switching_keys_and_proofs_come_back_and_have_the_bytes_of_their_shape() {
    let session = session(1);
    let shares: Vec<_> = secrets(&session)
        .iter()
        .map(|s| s.public_key_share().unwrap())
        .collect();
    let public = Arc::new(JointPublicKey::from_shares(&session, &shares).unwrap());
    let who = party(&session, 1);
    let terms = UploadTerms::new(&public, who, 1).unwrap();
    let secret = RowSecret::generate(&terms).unwrap();
    let (key, proof) = (secret.switching_key(), secret.prove(&[3; 32]).unwrap());
    let (_, bytes) = write_upload_key(vec![], "test", &session, (who, 1), key).unwrap();
    let read = |bytes: &[u8], session: &Session, about| {
        read_upload_key(Source::of("test", bytes), session, about)
    };
    let found = read(&bytes, &session, (who, 1)).unwrap();
    let all = |key: &UploadKey| key.halves().map(bits).collect::<Vec<_>>();
    assert_eq!(all(&found), all(key));
    assert_eq!(all(key).len(), 2 * 3);
    assert!(read(&bytes, &session, (who, 0)).is_err());
    assert_bound(&bytes, |bytes, session, party| {
        read(bytes, session, (party, 1))
    });

    let shape = terms.shape();
    let (_, bytes) = write_proof(vec![], "test", &session, (who, 0), shape, &proof).unwrap();
    assert_eq!(bytes.len() as u64, shape.bytes() + 56 + 16 + 32);
    let found = read_proof(Source::of("test", &bytes), &session, (who, 0), shape).unwrap();
    assert_eq!(found, proof);
    assert!(read_proof(Source::of("test", &bytes), &session, (who, 1), shape).is_err());
    assert_bound(&bytes, |bytes, session, party| {
        read_proof(Source::of("test", bytes), session, (party, 0), shape)
    });

    // Responses of more than one chunk of bits.
    let shape = Shape::new(10, 1, &[1 << 42]).unwrap();
    let m = shape.log_mask(0);
    assert!(m >= 48);
    let z = |i: i128| ((i << (m - 8)) + i * 7919 - (1 << m)).min((1 << m) - 1);
    let column = (0..1024).map(|i| z(i % 512)).collect();
    let proof = Proof {
        challenge: [4; 32],
        responses: vec![vec![column]; shape.repetitions()],
    };
    let (_, bytes) = write_proof(vec![], "test", &session, (who, 0), &shape, &proof).unwrap();
    let found = read_proof(Source::of("test", &bytes), &session, (who, 0), &shape).unwrap();
    assert_eq!(found, proof);
}
