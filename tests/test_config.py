"""Configuration: presets load, members differ, and a wrong key is answered with the right one."""

from __future__ import annotations

import pytest

from topofuse.config import CommitteeConfig, ConfigError, FusionConfig, load_config, parse_config, preset_names


def values(**changes):
    return {
        "preset": "mine",
        "network": {"width": 16, "heads": 2},
        "training": {"epochs": 2},
        "members": [{"network": {"dropout": 0.1}}],
        "boosted": {},
    } | changes


def refusal(**changes) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(values(**changes))
    return str(caught.value)


class TestPresets:
    def test_there_are_three(self):
        assert preset_names() == ["cpu", "extreme", "quick"]

    @pytest.mark.parametrize("name", ["quick", "cpu", "extreme"])
    def test_each_holds_the_whole_strategy(self, name):
        config = load_config(name)
        assert config.preset == name
        assert config.modalities == ("crystal", "kspace", "scalar", "physics", "bands", "indicators")
        assert config.network.cross_attention
        assert config.network.attention_layers >= 1
        assert config.training.schedule == "cyclic"
        assert config.training.mixup_alpha > 0
        assert config.training.label_smoothing > 0
        assert config.tta_views == {"quick": 2, "cpu": 1, "extreme": 5}[name]  # measured without gain on topomat
        assert len(config.members) == {"quick": 3, "cpu": 2, "extreme": 3}[name]  # more gained nothing on topomat

    @pytest.mark.parametrize("name", ["quick", "cpu", "extreme"])
    def test_members_are_really_different(self, name):
        config = load_config(name)
        members = [(member.network, member.training) for member in config.members]
        every = [(config.network, config.training), *members]
        assert len({(n.model_dump_json(), t.model_dump_json()) for n, t in every}) == len(every)
        assert len({t.mixup_alpha for _, t in members}) == len(members)
        assert len({(n.width, n.stages) for n, _ in members}) > 1
        assert len({n.dropout for n, _ in members}) > 1
        assert any(t.subset_share < 1 for _, t in members)
        assert len({t.weight_decay for _, t in every}) > 1

    def test_extreme_is_the_strategy_at_full_size(self):
        config = load_config("extreme")
        assert config.network.width == 512
        assert config.training.label_smoothing == 0.2

    def test_what_is_given_overrides_and_none_does_not(self):
        config = load_config("quick", seed=7, threads=None)
        assert config.seed == 7
        assert config.threads == load_config("quick").threads

    def test_a_preset_may_be_a_file(self, tmp_path):
        path = tmp_path / "small.toml"
        path.write_text("[network]\nwidth = 16\nheads = 2\n[training]\nepochs = 1\n[[members]]\n[boosted]\n")
        assert load_config(str(path)).preset == "small"
        path.write_text("width = = 3")
        with pytest.raises(ConfigError, match="not valid TOML"):
            load_config(str(path))

    def test_an_unknown_preset_is_answered_with_those_there_are(self):
        with pytest.raises(ConfigError, match="no preset 'fast'; there are cpu, extreme, quick"):
            load_config("fast")


class TestChecks:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"network": {"widht": 16}}, "unknown setting 'network.widht'; did you mean 'width'?"),
            ({"training": {"epochs": 2, "mixup": 1}}, "unknown setting 'training.mixup'; did you mean 'mixup_alpha'?"),
            ({"tta_view": 3}, "unknown setting 'tta_view'; did you mean 'tta_views'?"),
            ({"xyzzy": 3}, "unknown setting 'xyzzy'; there are preset, seed, modalities, network"),
            ({"network": {"width": 18, "heads": 4}}, "width 18 is not a multiple of heads 4"),
            ({"network": {"width": 16, "heads": 2, "dropout": 1.5}}, "setting 'network.dropout'"),
            ({"training": {"epochs": 0}}, "setting 'training.epochs'"),
            ({"training": {}}, "setting 'training.epochs'"),
            ({"training": {"epochs": 2, "schedule": "linear"}}, "'cyclic' or 'constant'"),
            ({"members": []}, "setting 'members'"),
            ({"members": [{"trees": {}}]}, "unknown setting 'trees' of member 0; there are network, training"),
            ({"members": [{}, 3]}, "member 1: Input should be"),
            ({"network": {"kind": "magic"}}, "setting 'network': the kind of a network is one of fusion, committee"),
            (
                {"members": [{}, {"network": {"kind": "committee", "heads": 2}}]},
                "setting 'network.heads' of member 1 is for networks of kind 'fusion'; this one is of kind 'committee'",
            ),
            (
                {"members": [{"network": {"committee": 4}}]},
                "setting 'network.committee' of member 0 is for networks of kind 'committee'",
            ),
            (
                {"network": {"width": 16, "heads": 2, "committee": 4}},
                "setting 'network.committee' is for networks of kind 'committee'; this one is of kind 'fusion'",
            ),
            ({"members": [{"network": {"width": 18, "heads": 4}}]}, "setting 'network' of member 0: width 18 is not a"),
            ({"members": [{"training": {"epochs": 0}}]}, "setting 'training.epochs' of member 0: "),
            (
                {"modalities": ["scalar", "bandz"]},
                "setting 'modalities': there is no modality 'bandz'; there are crystal, kspace",
            ),
            ({"fast_modalities": ["bandz"]}, "setting 'fast_modalities': there is no modality 'bandz'"),
            ({"modalities": ["scalar", "scalar"]}, "named twice"),
            ({"modalities": []}, "setting 'modalities'"),
        ],
    )
    def test_what_is_wrong_is_named(self, changes, words):
        assert words in refusal(**changes)

    def test_a_wrong_key_of_a_member_is_named(self):
        message = refusal(members=[{}, {"network": {"widht": 16}}])
        assert message == "unknown setting 'network.widht' of member 1; did you mean 'width'?"

    def test_a_config_cannot_be_changed(self):
        config = parse_config(values())
        with pytest.raises(ValueError, match="frozen"):
            config.seed = 3

    @pytest.mark.parametrize("name", ["quick", "cpu", "extreme"])
    def test_it_comes_back_from_json(self, name):
        config = load_config(name)
        assert parse_config(config.model_dump(mode="json")) == config

    def test_a_member_has_the_presets_settings_besides_its_own(self):
        member = parse_config(values()).members[0]
        assert member.network == FusionConfig(width=16, heads=2, dropout=0.1)
        assert member.training.epochs == 2

    def test_a_committee_takes_over_what_both_kinds_have_and_does_not_care_about_heads(self):
        network = {"width": 16, "heads": 2, "stages": 1, "modality_dropout": 0.2}
        committee = {"kind": "committee", "width": 19}  # no multiple of the preset's heads
        member = parse_config(values(network=network, members=[{"network": committee}])).members[0]
        assert member.network == CommitteeConfig(width=19, stages=1, modality_dropout=0.2)
