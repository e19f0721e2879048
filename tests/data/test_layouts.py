"""Corpora coded in their file names: what each row of the table makes of a name."""

import re

import pytest

from transfer.data.file_names import claims_layout, read_layout
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
    ("enterface", "subject 1/anger/sentence 1/s1_an_1.wav", "anger", "1", "", "1"),
    ("enterface", "subject 11/happiness/sentence 4/s12_ha_4.wav", "happiness", "11", "", "4"),  # as the corpus has it
    ("enterface", "subject-3/surprise/sentence-2/s_3_su_2.WAV", "surprise", "3", "", "2"),
    ("enterface", "flat/s16_su_3avi.wav", "surprise", "16", "", "3"),
    ("urdu", "Angry/SM1_F1_A01.wav", "angry", "SM1", "male", ""),
    ("urdu", "Sad/sf12_F10_S104.wav", "sad", "SF12", "female", ""),
]


def touch(root, *files):
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()


@pytest.mark.parametrize(("name", "file", "label", "speaker", "sex", "text"), NAMES)
def test_a_file_name_gives_its_label_speaker_sex_and_text(name, file, label, speaker, sex, text, tmp_path):
    touch(tmp_path, file)
    row = read_layout(LAYOUTS[name], name, tmp_path).table.iloc[0]
    found = (row["label"], row["speaker"], row.get("sex", ""), row.get("text", ""), row["recording"], row["path"])
    assert found == (label, speaker, sex, text, file, str(tmp_path / file))


def test_every_row_is_tried_on_names():
    assert {name for name, *_ in NAMES} == set(LAYOUTS)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_example_that_messages_give_is_of_the_layout(name, tmp_path):
    touch(tmp_path, re.split(r", | or | \(", LAYOUTS[name].example)[0])
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


def test_sessions_of_enterface_that_are_not_cut_into_sentences_are_left_out_and_listed(tmp_path):
    touch(tmp_path, "subject 1/anger/sentence 1/s1_an_1.wav", "subject 6/anger/s6_an_1.wav")
    corpus = read_layout(LAYOUTS["enterface"], "enterface", tmp_path)
    assert corpus.speakers == ("1",)
    assert corpus.ignored == ("subject 6/anger/s6_an_1.wav",)


def test_a_video_without_its_sound_gets_the_line_that_takes_it_out(tmp_path):
    touch(tmp_path, "subject 1/anger/sentence 1/s1_an_1.AVI", "subject 2/fear/sentence 1/s2_fe_1.avi")
    wav = tmp_path / "subject 1/anger/sentence 1/s1_an_1.wav"
    line = f'ffmpeg -i "{wav.with_suffix(".AVI")}" -vn -ac 1 -ar 16000 "{wav}"'
    with pytest.raises(CorpusError, match="2 videos have no audio file beside them") as raised:
        read_layout(LAYOUTS["enterface"], "enterface", tmp_path)
    assert line in str(raised.value)
    assert claims_layout(LAYOUTS["enterface"], ["subject 1/anger/sentence 1/s1_an_1.AVI"]) == 1
    touch(tmp_path, "subject 1/anger/sentence 1/s1_an_1.wav")
    with pytest.raises(CorpusError, match="1 video has no audio file beside it"):
        read_layout(LAYOUTS["enterface"], "enterface", tmp_path)
    touch(tmp_path, "subject 2/fear/sentence 1/s2_fe_1.flac", "trailer.avi")
    corpus = read_layout(LAYOUTS["enterface"], "enterface", tmp_path)
    assert len(corpus.table) == 2
    assert len(corpus.ignored) == 3


def test_codes_beside_label_speaker_and_text_become_columns(tmp_path):
    touch(tmp_path, "Actor_02/03-01-06-02-01-01-02.wav", "Actor_02/03-01-01-01-02-02-02.wav")
    table = read_layout(LAYOUTS["ravdess"], "ravdess", tmp_path).table
    assert table[["intensity", "take"]].values.tolist() == [[1.0, 2.0], [2.0, 1.0]]


def test_crema_d_takes_sex_and_age_from_its_table_of_actors(tmp_path):
    touch(tmp_path, "AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1001_IEO_HAP_LO.wav", "AudioWAV/1002_IEO_HAP_MD.wav")
    rows = (
        "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Asian,Hispanic\n1002,21,Female,Asian,Hispanic\n1003,30,Male,A,B\n"
    )
    (tmp_path / "VideoDemographics.csv").write_text(rows)
    corpus = read_layout(LAYOUTS["crema_d"], "crema_d", tmp_path)
    assert corpus.table["sex"].to_list() == ["male", "male", "female"]
    assert corpus.table["age"].to_list() == [51, 51, 21]
    assert corpus.table["intensity"].to_list() == ["XX", "LO", "MD"]
    assert (corpus.tables, corpus.missing) == (("VideoDemographics.csv",), ("1003",))
    assert "race" not in corpus.table


STRANGE = [
    ("crema_d", "AudioWAV/1001_DFA_XYZ_XX.wav", "xyz"),
    ("emodb", "wav/03a01Za.wav", "z"),
    ("emovo", "f1/xyz-f1-b1.wav", "xyz"),
    ("nemo", "samples/EB0_boredom_1.wav", "boredom"),
    ("ravdess", "Actor_01/03-01-09-01-02-01-01.wav", "09"),
    ("savee", "DC/x01.wav", "x"),
    ("tess", "OAF_Fear/OAF_back_calm.wav", "calm"),
    ("urdu", "Angry/SM1_F1_D01.wav", "d"),
]


@pytest.mark.parametrize(("name", "file", "code"), STRANGE)
def test_a_code_that_a_label_map_lacks_is_named_with_its_file(name, file, code, tmp_path):
    touch(tmp_path, re.split(r", | or | \(", LAYOUTS[name].example)[0], file)
    with pytest.raises(CorpusError, match=rf"unknown label '{code}' \(1 files, such as {re.escape(file)}\); known: "):
        read_layout(LAYOUTS[name], name, tmp_path)


def test_every_label_map_is_tried_on_a_strange_code():
    in_patterns = {"casia", "enterface"}  # whose words stand in the pattern: another word is another layout
    assert {name for name, *_ in STRANGE} == set(LAYOUTS) - in_patterns


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
