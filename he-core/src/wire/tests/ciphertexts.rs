use super::*;
use crate::evaluator::Placement;

#[test]
fn ciphertexts_come_back_residue_by_residue() {
    let context = context();
    let found = read_all(&ciphertext_file(&context), None, &context).unwrap();
    let wanted = [
        seeded(&context, 2),
        full(&context, 1),
        full(&context, 1),
        seeded(&context, 0),
    ];
    assert_eq!(found.len(), wanted.len());
    for ((ct, m), want) in found.iter().zip(&wanted) {
        assert_eq!(bits(ct.c0()), bits(want.c0()));
        assert_eq!(bits(ct.c1()), bits(want.c1()));
        assert_eq!(ct.seed(), want.seed());
        assert_eq!(*m, meta(&context, want.level()));
    }
}

/// The limbs up to a level.
fn first_limbs(poly: &Poly<Ntt>, level: usize) -> Vec<Vec<u64>> {
    let limb = |i: usize| poly.limb(i).iter().map(|x| x.to_bits()).collect();
    (0..=level).map(limb).collect()
}

#[test]
fn a_lower_level_is_what_is_left_of_the_whole_and_the_file_is_hashed_as_ever() {
    let context = context();
    let bytes = ciphertext_file(&context);
    let open = || {
        let label = CIPHERTEXTS.bound_to(&[9; 32]);
        CiphertextReader::open(&bytes[..], "test", None, LIMIT, label, &context).unwrap()
    };
    for level in 0..3 {
        let (mut whole, mut lower) = (open(), open());
        while let Some((all, all_meta)) = whole.next(None).unwrap() {
            let (ct, meta) = lower.next_lower(None, Some(Level(level))).unwrap().unwrap();
            let left = level.min(all.level());
            assert_eq!(ct.level(), left);
            assert_eq!(
                meta,
                Meta {
                    level: Level(left),
                    ..all_meta
                }
            );
            for (part, all) in [(ct.c0(), all.c0()), (ct.c1(), all.c1())] {
                assert_eq!(first_limbs(part, left), first_limbs(all, left));
            }
        }
        assert_eq!(
            lower.finish_hashed().unwrap(),
            whole.finish_hashed().unwrap()
        );
    }
}

#[test]
fn sizes_are_those_announced_and_no_residue_costs_more_bits_than_its_prime() {
    let context = context();
    let params = context.params();
    let n = params.n() as u64;
    for level in 0..3 {
        let widths: u64 = params.q()[..=level]
            .iter()
            .map(|q| u64::from(64 - q.leading_zeros()))
            .sum();
        let seeded = Shape {
            form: Form::Seeded,
            level: Level(level),
        };
        let full = Shape {
            form: Form::Full,
            ..seeded
        };
        assert_eq!(seeded.bytes(params), 16 + 32 + n * widths / 8);
        assert_eq!(full.bytes(params), 24 + 2 * n * widths / 8);
    }
    let contents: u64 = [
        (Form::Seeded, 2),
        (Form::Full, 1),
        (Form::Full, 1),
        (Form::Seeded, 0),
    ]
    .map(|(form, level)| {
        Shape {
            form,
            level: Level(level),
        }
        .bytes(params)
    })
    .iter()
    .sum();
    // Prefix, number of runs, three runs, note, contents, hash.
    assert_eq!(
        ciphertext_file(&context).len() as u64,
        56 + 4 + 24 + 10 + contents + 32
    );
}

#[test]
fn the_header_says_what_is_inside_without_parameters() {
    let context = context();
    let bytes = ciphertext_file(&context);
    let reader = Reader::inspect(&bytes[..], "test", Some(bytes.len() as u64)).unwrap();
    let envelope = reader.envelope();
    assert_eq!(
        (envelope.kind, envelope.version, envelope.binding),
        (CIPHERTEXTS.code, CIPHERTEXTS.version, [9; 32])
    );
    assert_eq!(envelope.file_bytes(), bytes.len() as u64);
    let reader = CiphertextReader::open(
        &bytes[..],
        "test",
        None,
        LIMIT,
        CIPHERTEXTS.bound_to(&[9; 32]),
        &context,
    )
    .unwrap();
    assert_eq!(reader.note(), b"{\"note\":1}");
    assert_eq!(
        reader
            .runs()
            .iter()
            .map(|r| (r.0.level.0, r.1))
            .collect::<Vec<_>>(),
        [(2, 1), (1, 2), (0, 1)]
    );
}

#[test]
fn a_seeded_ciphertext_may_be_written_in_full() {
    let context = context();
    let ct = seeded(&context, 1);
    let shape = Shape {
        form: Form::Full,
        level: Level(1),
    };
    let mut writer = CiphertextWriter::new(
        vec![],
        "test",
        CIPHERTEXTS.bound_to(&[9; 32]),
        &context,
        vec![shape],
        &[],
    )
    .unwrap();
    writer.push(&ct, &meta(&context, 1)).unwrap();
    let bytes = writer.finish().unwrap().1;
    let (found, _) = read_all(&bytes, None, &context).unwrap().remove(0);
    assert_eq!(
        (bits(found.c0()), bits(found.c1())),
        (bits(ct.c0()), bits(ct.c1()))
    );
    assert_eq!(found.seed(), None);
}

#[test]
fn the_writer_takes_exactly_what_was_announced() {
    let context = context();
    let shapes = vec![Shape {
        form: Form::Seeded,
        level: Level(1),
    }];
    let start = || {
        CiphertextWriter::new(
            vec![],
            "test",
            CIPHERTEXTS.bound_to(&[9; 32]),
            &context,
            shapes.clone(),
            &[],
        )
        .unwrap()
    };
    assert!(matches!(start().finish(), Err(WireError::Length { .. })));
    let mut writer = start();
    for (ct, m) in [
        (full(&context, 1), meta(&context, 1)),
        (seeded(&context, 2), meta(&context, 2)),
        (seeded(&context, 1), meta(&context, 0)),
        (
            seeded(&context, 1),
            Meta {
                noise: 1.0,
                ..meta(&context, 1)
            },
        ),
        (
            seeded(&context, 1),
            Meta {
                scale: f64::NAN,
                ..meta(&context, 1)
            },
        ),
        (
            seeded(&context, 1),
            Meta {
                bound: -1.0,
                ..meta(&context, 1)
            },
        ),
    ] {
        assert!(
            matches!(writer.push(&ct, &m), Err(WireError::Field { .. })),
            "{m:?}"
        );
    }
    let other = self::context();
    assert!(matches!(
        writer.push(&seeded(&other, 1), &meta(&context, 1)),
        Err(WireError::Rlwe { .. })
    ));
    // Nothing of the refused ones was written.
    writer
        .push(&seeded(&context, 1), &meta(&context, 1))
        .unwrap();
    let error = writer
        .push(&seeded(&context, 1), &meta(&context, 1))
        .unwrap_err();
    assert!(matches!(error, WireError::Field { .. }));
    assert_eq!(
        read_all(&writer.finish().unwrap().1, None, &context)
            .unwrap()
            .len(),
        1
    );

    let above = vec![Shape {
        form: Form::Full,
        level: Level(3),
    }];
    let error = CiphertextWriter::new(
        vec![],
        "test",
        CIPHERTEXTS.bound_to(&[9; 32]),
        &context,
        above,
        &[],
    )
    .unwrap_err();
    assert!(matches!(error, WireError::Field { .. }));
}

#[test]
fn false_metadata_are_refused_even_under_a_right_hash() {
    let context = context();
    let good = ciphertext_file(&context);
    let first = 56 + 4 + 24 + 10;
    let second = first + Shape::of(&seeded(&context, 2)).bytes(context.params()) as usize;
    for (at, value) in [
        (first, f64::NAN),
        (first, f64::INFINITY),
        (first, 0.0),
        (first, -3e10),
        (first + 8, -1.0),
        (first + 8, f64::INFINITY),
        (second, 0.0),
        (second + 16, f64::NAN),
        (second + 16, -1.0),
    ] {
        let mut bytes = good.clone();
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        repair(&mut bytes);
        let error = read_all(&bytes, None, &context).unwrap_err();
        assert!(
            matches!(error, WireError::Field { .. }),
            "{at} {value}: {error}"
        );
    }
    let read = |scale: f64, level| {
        let mut reader = CiphertextReader::open(
            &good[..],
            "test",
            None,
            LIMIT,
            CIPHERTEXTS.bound_to(&[9; 32]),
            &context,
        )
        .unwrap();
        reader
            .next(Some(Placement {
                level: Level(level),
                scale,
            }))
            .map(|item| item.is_some())
    };
    assert!(read(3e10, 2).unwrap());
    for (scale, level) in [(3.1e10, 2), (3e10, 1)] {
        assert!(matches!(read(scale, level), Err(WireError::Field { .. })));
    }
}

#[test]
fn the_bytes_of_fixed_ciphertexts_never_change() {
    let context = context();
    let poly = |level, salt| fixed_poly(&context, context.ring().basis(level), salt);
    let all = [
        Ciphertext::from_seeded(&context, poly(2, 1), PublicSeed([5; 32])).unwrap(),
        Ciphertext::from_parts(&context, poly(1, 2), poly(1, 3)).unwrap(),
    ];
    let shapes = all.iter().map(Shape::of).collect();
    let mut writer = CiphertextWriter::new(
        vec![],
        "test",
        CIPHERTEXTS.bound_to(&[9; 32]),
        &context,
        shapes,
        b"note",
    )
    .unwrap();
    for ct in &all {
        let mut meta = meta(&context, ct.level());
        if ct.seed().is_none() {
            meta.noise = 12_345.5;
        }
        writer.push(ct, &meta).unwrap();
    }
    let bytes = writer.finish().unwrap().1;
    for ((ct, _), want) in read_all(&bytes, None, &context).unwrap().iter().zip(&all) {
        assert_eq!(
            (bits(ct.c0()), bits(ct.c1())),
            (bits(want.c0()), bits(want.c1()))
        );
    }
    assert_eq!(
        hash_of(&bytes),
        "d42bb2b9d5db8c1c165f9083c5166a29d776a21e94d2444674554360041bf8f4"
    );
}
