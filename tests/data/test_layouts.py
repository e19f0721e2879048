"""Corpora coded in their file names: what each row of the table makes of a name."""

import pytest

from transfer.data.file_names import read_layout
from transfer.data.layouts import LAYOUTS
from transfer.errors import CorpusError

# Names taken from the corpora's own descriptions: file, label, speaker, sex, text.
NAMES = [
    ("casia", "liuchanhg/angry/201.wav", "angry", "liuchanhg", "", "201"),
    ("casia", "CASIA/ZhaoZuoxiang/anger/250.WAV", "angry", "ZhaoZuoxiang", "", "250"),
    ("casia", "angry/201-angry-liuchanhg.wav", "angry", "liuchanhg", "", "201"),
    ("casia", "sad/201.wav", "sad", "", "", "201"),
    ("emodb", "wav/03a01Fa.wav", "happiness", "03", "male", "a01"),
    ("emodb", "16b10Lb.flac", "boredom", "16", "female", "b10"),
    ("emovo", "f1/dis-f1-b1.wav", "disgust", "f1", "female", "b1"),
    ("emovo", "EMOVO/m3/GIO-M3-N5.WAV", "joy", "m3", "male", "N5"),
    ("nemo", "samples/EB0_anger_1.wav", "anger", "EB0", "", "1"),
    ("ravdess", "Actor_02/03-01-06-02-02-01-02.wav", "fearful", "02", "female", "02"),
    ("crema_d", "AudioWAV/1001_DFA_ANG_XX.wav", "anger", "1001", "", "DFA"),
    ("crema_d", "AudioWAV/1040_ITH_SAD_X.wav", "sad", "1040", "", "ITH"),
    ("savee", "DC/sa01.wav", "sadness", "DC", "male", "sa01"),
    ("savee", "ALL/JK_a15.wav", "anger", "JK", "male", "a15"),
    ("tess", "OAF_Fear/OAF_back_fear.wav", "fear", "OAF", "female", "back"),
    ("tess", "YAF_pleasant_surprised/YAF_back_ps.wav", "surprise", "YAF", "female", "back"),
    ("tess", "OAF_neutral/OA_bite_neutral.wav", "neutral", "OAF", "female", "bite"),
]


def touch(root, *files):
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()


@pytest.mark.parametrize(("name", "file", "label", "speaker", "sex", "text"), NAMES)
def test_a_file_name_gives_its_label_speaker_sex_and_text(name, file, label, speaker, sex, text, tmp_path):
    touch(tmp_path, file)
    row = read_layout(LAYOUTS[name], name, tmp_path).table.iloc[0]
    found = (row["label"], row["speaker"], row.get("sex", ""), row["text"], row["recording"], row["path"])
    assert found == (label, speaker, sex, text, file, str(tmp_path / file))


def test_every_row_is_tried_on_names():
    assert {name for name, *_ in NAMES} == set(LAYOUTS)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_example_that_messages_give_is_of_the_layout(name, tmp_path):
    touch(tmp_path, LAYOUTS[name].example.split()[0].rstrip(","))
    assert len(read_layout(LAYOUTS[name], name, tmp_path).table) == 1


def test_files_not_of_the_layout_are_listed(tmp_path):
    touch(tmp_path, "f1/dis-f1-b1.wav", "f1/._dis-f1-b1.wav", "f1/dis-f1-b1.txt", "noise 噪声/1.wav")
    corpus = read_layout(LAYOUTS["emovo"], "emovo", tmp_path)
    assert corpus.ignored == ("f1/._dis-f1-b1.wav", "f1/dis-f1-b1.txt", "noise 噪声/1.wav")


def test_songs_and_video_of_ravdess_are_left_out_and_listed(tmp_path):
    touch(
        tmp_path,
        "Actor_01/03-01-05-01-02-01-01.wav",
        "Actor_01/03-02-05-01-02-01-01.wav",
        "Actor_01/01-01-05-01-02-01-01.wav",
    )
    corpus = read_layout(LAYOUTS["ravdess"], "ravdess", tmp_path)
    assert corpus.table["recording"].to_list() == ["Actor_01/03-01-05-01-02-01-01.wav"]
    assert len(corpus.ignored) == 2


def test_an_unknown_label_code_is_named_with_a_file(tmp_path):
    touch(tmp_path, "f1/dis-f1-b1.wav", "f1/xyz-f1-b1.wav", "f1/xyz-f1-b2.wav")
    with pytest.raises(
        CorpusError, match=r"unknown label 'xyz' \(2 files, such as f1/xyz-f1-b1\.wav\); known: dis, gio"
    ):
        read_layout(LAYOUTS["emovo"], "emovo", tmp_path)


def test_casia_with_emotion_folders_alone_has_unknown_speakers(tmp_path):
    touch(tmp_path, "angry/201.wav", "fear/201.wav")
    corpus = read_layout(LAYOUTS["casia"], "casia", tmp_path)
    assert corpus.speakers == ()
    assert corpus.labels == ("angry", "fear")


def nemo(tmp_path, *rows):
    touch(tmp_path, "samples/EB0_anger_1.wav", "samples/SM0_fear_2.wav")
    head = "file_id\temotion\traw_text\tspeaker_id\tgender\tage\n"
    (tmp_path / "data.tsv").write_text(head + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return read_layout(LAYOUTS["nemo"], "nemo", tmp_path)


def test_nemo_takes_sex_age_and_text_from_its_table_with_leading_blanks(tmp_path):
    corpus = nemo(
        tmp_path,
        "EB0_anger_1.flac\tanger\tLubię czytać.\t        EB0\tfemale\t27",
        "SM0_fear_2.wav\tfear\tNie.\t SM0\tmale\t24",
    )
    assert corpus.table["speaker"].to_list() == ["EB0", "SM0"]
    assert corpus.table["sex"].to_list() == ["female", "male"]
    assert corpus.table["age"].to_list() == [27.0, 24.0]
    assert corpus.table["text"].to_list() == ["Lubię czytać.", "Nie."]
    assert corpus.ignored == ()


def test_rows_of_nemos_table_without_a_file_are_told_as_missing(tmp_path):
    corpus = nemo(tmp_path, "EB0_anger_9.wav\tanger\tA.\tEB0\tfemale\t27")
    assert corpus.missing == ("EB0_anger_9.wav",)
    assert len(corpus.table) == 2


@pytest.mark.parametrize(
    "row", ["EB0_anger_1.wav\tfear\tA.\tEB0\tfemale\t27", "EB0_anger_1.wav\tanger\tA.\tKD0\tfemale\t27"]
)
def test_a_table_that_contradicts_a_file_name_is_refused(tmp_path, row):
    with pytest.raises(CorpusError, match=r"data\.tsv, line 2: .*EB0_anger_1\.wav says"):
        nemo(tmp_path, row)


def test_a_side_table_without_its_key_is_refused(tmp_path):
    touch(tmp_path, "samples/EB0_anger_1.wav")
    (tmp_path / "data.tsv").write_text("file\temotion\nEB0_anger_1.wav\tanger\n")
    with pytest.raises(CorpusError, match="no column 'file_id'"):
        read_layout(LAYOUTS["nemo"], "nemo", tmp_path)
