import math

import pytest
import torch
from ragged import pyramids_of, ragged_pyramids, stir
from torch.nn.functional import binary_cross_entropy_with_logits, normalize

from mmdel.models.heads import TextClassifier, TowerClassifier
from mmdel.registry import MODELS

CHANNELS, DIMS, LENGTHS = 6, 4, [13, 5]


def text_classifier(num_classes=5):
    part = stir(TextClassifier(CHANNELS, 8, num_classes, DIMS, prior_prob=0.02))
    part.embeddings.copy_(normalize(torch.randn(num_classes, DIMS), dim=1))
    return part


def pyramids():
    feats, masks = ragged_pyramids(dict(joint=CHANNELS), LENGTHS, num_levels=3, total=17)
    return feats['joint'], masks


def head(**classifier):
    return MODELS.build(
        dict(
            type='mmdel.AnchorFreeHead',
            num_classes=5,
            in_channels=CHANNELS,
            feat_channels=8,
            point_generator=dict(type='mmdel.PointGenerator', regress_ranges=[(0, 4), (4, 8), (8, 1000)]),
            assigner=dict(type='mmdel.PointAssigner'),
            nms=dict(type='mmdel.SegmentNMS'),
            **classifier,
        )
    )


def test_a_logit_is_a_scaled_cosine_with_the_embedding_of_its_class():
    part, (feats, masks) = text_classifier(), pyramids()
    logits, valid = part(feats, masks), torch.cat(masks, dim=1)
    outputs = super(TextClassifier, part).forward(feats, masks)
    scale, bias = part.log_scale.exp().item(), part.bias.item()
    for video, point in valid.nonzero().tolist():
        x = outputs[video, point].tolist()
        for label, e in enumerate(part.embeddings.tolist()):
            cosine = sum(a * b for a, b in zip(x, e, strict=True)) / math.hypot(*x) / math.hypot(*e)
            assert logits[video, point, label].item() == pytest.approx(scale * cosine + bias)
    assert not logits[~valid].any()
    logits.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in part.parameters()) and not part.embeddings.requires_grad


def test_the_scale_starts_as_in_clip_and_ends_at_a_hundred():
    part, (feats, masks) = TextClassifier(CHANNELS, 8, 2, DIMS, prior_prob=0.02), pyramids()
    feats = tuple(x.float() for x in feats)
    assert part(feats, masks)[0, 0].isnan().all()  # until the embeddings are known
    part.embeddings.copy_(torch.eye(DIMS)[:2])
    torch.nn.init.zeros_(part.last.weight)
    part.last.bias.data.copy_(torch.eye(DIMS)[0])  # what every point puts out
    for log_scale, scale in ((part.log_scale.item(), 1 / 0.07), (9.0, 100.0)):
        part.log_scale.data.fill_(log_scale)
        near, at_right_angles = part(feats, masks)[0, 0].tolist()
        assert at_right_angles == pytest.approx(math.log(0.02 / 0.98))
        assert near - at_right_angles == pytest.approx(scale, rel=1e-5)


def test_a_head_with_it_has_no_parameter_of_a_class_and_no_padding_counts():
    made = stir(head(classifier=dict(type='mmdel.TextClassifier', embed_dims=DIMS)))
    assert not [name for name, value in made.named_parameters() if 5 in value.shape]
    assert made.widen([0, 1, 2]) == head().widen([0, 1, 2]) == (3, 7, 14)
    made.cls_tower = text_classifier()
    feats, masks = pyramids()
    together, _ = made(feats, masks)
    for video in range(len(LENGTHS)):
        alone, alone_masks = pyramids_of(dict(joint=feats), masks, video)
        torch.testing.assert_close(
            together[video][torch.cat(masks, dim=1)[video]], made(alone['joint'], alone_masks)[0][0]
        )


def test_it_is_one_graph_for_every_length():
    part, graphs = text_classifier(), []

    def count(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(part.forward, dynamic=True, fullgraph=True, backend=count)
    for total in (17, 30):
        feats, masks = ragged_pyramids(dict(joint=CHANNELS), LENGTHS, num_levels=2, total=total)
        torch.testing.assert_close(compiled(feats['joint'], masks), part(feats['joint'], masks))
    assert len(graphs) == 1


def test_the_default_has_the_weights_of_a_tower_and_no_other():
    made = head()
    assert isinstance(made.cls_tower, TowerClassifier)
    shapes = {name: tuple(value.shape) for name, value in made.state_dict().items() if name.startswith('cls_tower')}
    assert shapes == {
        'cls_tower.convs.0.weight': (8, CHANNELS, 3),
        'cls_tower.convs.1.weight': (8, 8, 3),
        **{f'cls_tower.norms.{index}.{name}': (8,) for index in (0, 1) for name in ('weight', 'bias')},
        'cls_tower.last.weight': (5, 8, 3),
        'cls_tower.last.bias': (5,),
    }


def test_classes_that_were_not_trained_are_found_by_their_names():
    """Nine classes are one of three words and one of three others each; those of the training have all words."""
    torch.manual_seed(0)
    words, mix, unseen = torch.eye(6), torch.randn(6, CHANNELS + 2), torch.tensor([0, 5])
    names = normalize(torch.stack([words[a] + words[3 + b] for a in range(3) for b in range(3)]), dim=1)
    seen = torch.tensor([label for label in range(9) if label not in unseen])
    masks = (torch.ones(8, 20, dtype=torch.bool),)

    def batch(choice):
        labels = choice[torch.randint(len(choice), (8, 5))].repeat_interleave(4, dim=1)
        x = names[labels] @ mix
        return (x + 0.1 * torch.randn_like(x)).transpose(1, 2), labels

    part = TextClassifier(CHANNELS + 2, 16, len(seen), 6, prior_prob=0.1)
    part.embeddings.copy_(names[seen])
    optimizer = torch.optim.Adam(part.parameters(), lr=1e-2)
    for _ in range(100):
        x, labels = batch(seen)
        loss = binary_cross_entropy_with_logits(part((x,), masks), (labels[..., None] == seen).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    part.embeddings = names
    x, labels = batch(torch.arange(9))
    hits = part((x,), masks).argmax(-1) == labels
    assert hits.float().mean() > 0.85 and hits[torch.isin(labels, unseen)].float().mean() > 0.85
