"""Configuration: presets load, members differ, and a wrong key is answered with the right one."""

from __future__ import annotations

import pytest

from topofuse.config import ConfigError, NetworkConfig, load_config, parse_config, preset_names


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
        assert config.modalities == ("crystal", "kspace", "scalar", "physics", "bands")
        assert config.network.cross_attention
        assert config.network.attention_layers >= 1
        assert config.training.schedule == "cyclic"
        assert config.training.mixup_alpha > 0
        assert config.training.label_smoothing > 0
        assert config.tta_views == {"quick": 2, "cpu": 1, "extreme": 5}[name]  # measured without gain on topomat
        assert len(config.members) >= 3

    @pytest.mark.parametrize("name", ["quick", "cpu", "extreme"])
    def test_members_are_really_different(self, name):
        config = load_config(name)
        members = [config.member(i) for i in range(len(config.members))]
        every = [(config.network, config.training), *members]
        assert len({(n.model_dump_json(), t.model_dump_json()) for n, t in every}) == len(every)
        assert len({t.mixup_alpha for _, t in members}) == len(members)
        assert len({n.width for n, _ in members}) > 1
        assert len({n.dropout for n, _ in members}) > 1
        assert any(t.subset_share < 1 for _, t in members)
        assert len({t.weight_decay for _, t in members}) > 1

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
            ({"xyzzy": 3}, "unknown setting 'xyzzy'"),
            ({"network": {"width": 18, "heads": 4}}, "width 18 is not a multiple of heads 4"),
            ({"network": {"width": 16, "heads": 2, "dropout": 1.5}}, "setting 'network.dropout'"),
            ({"training": {"epochs": 0}}, "setting 'training.epochs'"),
            ({"training": {}}, "setting 'training.epochs'"),
            ({"training": {"epochs": 2, "schedule": "linear"}}, "'cyclic' or 'constant'"),
            ({"members": []}, "setting 'members'"),
            ({"members": [{"trees": {}}]}, "unknown section 'trees'"),
        ],
    )
    def test_what_is_wrong_is_named(self, changes, words):
        assert words in refusal(**changes)

    def test_a_wrong_key_of_a_member_is_named(self):
        message = refusal(members=[{"network": {"widht": 16}}])
        assert "widht" in message

    def test_a_config_cannot_be_changed(self):
        config = parse_config(values())
        with pytest.raises(ValueError, match="frozen"):
            config.seed = 3

    def test_it_comes_back_from_json(self):
        config = load_config("cpu")
        assert parse_config(config.model_dump(mode="json")) == config

    def test_a_member_has_the_presets_settings_besides_its_own(self):
        network, training = parse_config(values()).member(0)
        assert network == NetworkConfig(width=16, heads=2, dropout=0.1)
        assert training.epochs == 2
