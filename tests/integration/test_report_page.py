"""The pages of a report in headless Chromium, opened as files: what people see, click and type."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hostile_texts import HOSTILE

from mmdel.evaluation.functional import GroundTruth, Predictions, match_predictions
from mmdel.events import Events, Video
from mmdel.media import VideoWriter
from mmdel.visualization.report import write_report

CHROMIUM, DRIVER = shutil.which('chromium'), shutil.which('chromedriver')
FLAGS = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    '--window-size=1280,900',
]
CLASSES = ('bark', 'bell', 'speech')


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    """One session for all tests here."""
    webdriver = pytest.importorskip('selenium.webdriver', reason='no selenium')
    if CHROMIUM is None or DRIVER is None:
        pytest.skip('no chromium and chromedriver on the path (Debian: chromium, chromium-driver)')
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    for flag in (*FLAGS, f'--user-data-dir={tmp_path_factory.mktemp("chromium")}'):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture
def visit(browser):
    """Opens a report at a page; afterwards the console must hold no word."""

    def open_at(path, route='#/', width=1280, height=900, dark=False):
        size = dict(width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', size)
        scheme = [dict(name='prefers-color-scheme', value='dark' if dark else 'light')]
        browser.execute_cdp_cmd('Emulation.setEmulatedMedia', dict(features=scheme))
        browser.get('about:blank')
        browser.get(f'{path.as_uri()}{route}')
        wait(browser, 'return Report.page() !== null')
        return browser

    browser.get_log('browser')
    yield open_at
    # But for the browser's own word on a media file that is not there: nothing else is ever loaded.
    messages = [entry['message'] for entry in browser.get_log('browser')]
    assert [message for message in messages if 'ERR_FILE_NOT_FOUND' not in message] == []


def wait(browser, script, *args):
    """Until a script gives something true, which is given back."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 30, 0.02).until(lambda driver: driver.execute_script(script, *args))


def frames(browser):
    """Lets the page draw what has changed."""
    browser.execute_async_script('const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))')


def probe(browser):
    frames(browser)
    return browser.execute_script('return Report.page().probe()')


def press(browser, *keys):
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(*keys).perform()
    frames(browser)


def set_slider(browser, value):
    browser.execute_script(
        "const s = document.getElementById('threshold'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))",
        value,
    )
    frames(browser)


def counts(browser):
    """The numbers on the buttons of the kinds."""
    return {
        button.get_attribute('data-kind'): int(button.find_element('tag name', 'b').get_attribute('textContent'))
        for button in browser.find_elements('css selector', '.legend button')
    }


def random_events(num_videos, num_true, num_predicted, seed=0, length_sec=60.0):
    """Truth, and predictions near it and elsewhere, that overlap within classes."""
    rng = np.random.default_rng(seed)
    videos = [Video(f'video {place}', length_sec, subset='val') for place in range(num_videos)]
    true, predicted = [], []
    for place in range(num_videos):
        for _ in range(num_true):
            start, size, label = rng.uniform(0, length_sec - 5), rng.uniform(0.3, 5), rng.choice(CLASSES)
            true.append((f'video {place}', start, start + size, str(label)))
        for number in range(num_predicted):
            _, start, end, label = true[-1 - number % num_true]
            start, end = sorted(np.clip(rng.normal((start, end), 0.2), 0, length_sec))
            predicted.append((f'video {place}', start, end + 0.01, label, float(rng.uniform(0, 1))))
    return Events.from_rows(true, videos), Events.from_rows(predicted, videos)


@pytest.fixture(scope='module')
def clip(tmp_path_factory) -> Path:
    """Eight seconds of growing brightness with a tone."""
    path = tmp_path_factory.mktemp('clip') / 'a clip #1.mp4'
    with VideoWriter(path, fps=10, height=48, width=64, hz=8000) as writer:
        pictures = np.arange(80, dtype=np.uint8)[:, None, None, None] * np.full((1, 48, 64, 3), 3, np.uint8)
        writer.write(pictures)
        writer.write_sound((0.5 * np.sin(np.arange(8 * 8000) / 3)).astype(np.float32))
    return path


@pytest.fixture(scope='module')
def report(tmp_path_factory, clip) -> Path:
    """Two videos of eight seconds, the first with its file, the second with one that is not there."""
    true = [('a', 1, 2, 'bark'), ('a', 3, 5, 'bell'), ('a', 6, 7, 'bark'), ('b', 1, 2, 'bell')]
    predicted = [
        ('a', 1.1, 2, 'bark', 0.9),
        ('a', 3.1, 5, 'bell', 0.4),
        ('a', 1.0, 2.2, 'bark', 0.3),
        ('a', 4, 7.5, 'speech', 0.6),
        ('b', 5, 6, 'bell', 0.2),
    ]
    videos = [Video('a', 8.0), Video('b', 8.0)]
    media = dict(a=clip, b=clip.parent / 'gone.mp4')
    path = tmp_path_factory.mktemp('report') / 'r.html'
    events, truth = Events.from_rows(predicted, videos), Events.from_rows(true, videos)
    return write_report(path, events, truth, media, 'Barks & bells', provenance=dict(model='DEL'))


def test_the_index_counts_what_the_slider_lets_through(visit, report):
    page = visit(report)
    assert page.title == 'Barks & bells' and page.find_element('tag name', 'h1').text == 'Barks & bells'
    rows = [row.text.split() for row in page.find_elements('css selector', '.videos tbody tr')]
    assert rows == [['a', '0:08', '3', '4', '2', '1', '2'], ['b', '0:08', '1', '1', '0', '1', '1']]
    figures = [figure.text.split('\n') for figure in page.find_elements('css selector', '.figure')]
    assert (
        figures[0] == ['50.0 %', 'mAP@0.5'] and ['40.0 %', 'precision'] in figures and ['50.0 %', 'recall'] in figures
    )
    set_slider(page, 0.5)
    rows = [row.text.split() for row in page.find_elements('css selector', '.videos tbody tr')]
    assert rows == [['a', '0:08', '3', '2', '1', '2', '1'], ['b', '0:08', '1', '0', '0', '1', '0']]
    page.find_element('link text', 'a').click()
    wait(page, "return location.hash === '#/video/0' && document.querySelector('.timeline')")
    assert counts(page) == dict(found=1, missed=2, hit=1, false=1, neutral=0)


def test_a_click_on_the_timeline_seeks_and_the_playhead_follows(visit, report):
    from selenium.webdriver import ActionChains

    page = visit(report, '#/video/0')
    wait(page, "return document.querySelector('video').readyState >= 1")
    plots = page.find_element('css selector', '.plots')
    width = page.execute_script("return document.querySelector('.plots').clientWidth")
    ActionChains(page).move_to_element_with_offset(plots, round(width / 4), 0).click().perform()  # from the middle
    assert wait(page, "return document.querySelector('video').currentTime") == pytest.approx(6, abs=0.05)
    assert probe(page)['time'] == pytest.approx(6, abs=0.05)
    assert float(plots.get_attribute('aria-valuenow')) == pytest.approx(6, abs=0.05)
    before = page.execute_script("return document.querySelector('.playhead').getBoundingClientRect().left")
    press(page, ' ')
    wait(page, "return document.querySelector('video').currentTime > 6.4")
    assert page.execute_script("return document.querySelector('.playhead').getBoundingClientRect().left") > before
    press(page, ' ')
    assert wait(page, "return document.querySelector('video').paused")


def test_a_file_that_is_not_there_is_told_and_the_timeline_works(visit, report):
    page = visit(report, '#/video/1')
    assert 'is not there' in wait(page, "return document.querySelector('.nomedia')?.textContent")
    press(page, 'n')
    assert probe(page)['time'] == 1


def test_the_keys_move_time_zoom_and_threshold(visit, report):
    from selenium.webdriver import Keys

    page = visit(report, '#/video/0')
    wait(page, "return document.querySelector('video').readyState >= 1")
    starts = []
    for key in 'nnnnnnnnp':
        press(page, key)
        starts.append(probe(page)['time'])
    assert starts == pytest.approx([1, 1.1, 3, 3.1, 4, 6, 6, 6, 4], abs=0.01)
    press(page, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert probe(page)['time'] == pytest.approx(5, abs=0.01)
    press(page, '+')
    assert (probe(page)['min'], probe(page)['max']) == pytest.approx((2.5, 6.5), abs=0.01)
    press(page, '0')
    assert (probe(page)['min'], probe(page)['max']) == (0, 8)
    press(page, ']')
    assert page.execute_script('return Page.state.threshold') == pytest.approx(0.15)
    press(page, '?')
    assert page.execute_script("return document.getElementById('keys').open")
    press(page, Keys.ESCAPE)
    assert not page.execute_script("return document.getElementById('keys').open")
    press(page, Keys.ESCAPE)
    assert page.execute_script('return location.hash') == '#/'


def test_wheel_drag_and_pinch_move_the_view(visit, report):
    page = visit(report, '#/video/0')
    area = page.execute_script(
        "const r = document.querySelector('.plots').getBoundingClientRect(); return [r.left, r.top, r.width]"
    )
    middle, top = area[0] + area[2] / 2, area[1] + 60

    def mouse(kind, x, **options):
        page.execute_cdp_cmd('Input.dispatchMouseEvent', dict(type=kind, x=x, y=top, **options))

    def touch(kind, *xs):
        page.execute_cdp_cmd('Input.dispatchTouchEvent', dict(type=kind, touchPoints=[dict(x=x, y=top) for x in xs]))

    mouse('mouseWheel', middle, deltaX=0, deltaY=-300)
    zoomed = probe(page)
    span = zoomed['max'] - zoomed['min']
    assert span == pytest.approx(8 * np.exp(-0.6), rel=0.01) and zoomed['min'] + zoomed['max'] == pytest.approx(
        8, abs=0.02
    )
    mouse('mousePressed', middle, button='left', buttons=1, clickCount=1)
    mouse('mouseMoved', middle - area[2] / 10, button='left', buttons=1)
    mouse('mouseReleased', middle - area[2] / 10, button='left', clickCount=1)
    dragged = probe(page)
    assert dragged['min'] - zoomed['min'] == pytest.approx(span / 10, rel=0.02) and dragged['time'] == 0
    touch('touchStart', middle - 50, middle + 50)
    touch('touchMove', middle - 100, middle + 100)
    touch('touchEnd')
    pinched = probe(page)
    assert pinched['max'] - pinched['min'] == pytest.approx(span / 2, rel=0.02)


def test_the_slider_the_kinds_and_the_classes_hide_events(visit, report):
    page = visit(report, '#/video/0')
    assert len(probe(page)['shown']) == 7 and counts(page) == dict(found=2, missed=1, hit=2, false=2, neutral=0)
    set_slider(page, 0.35)
    assert len(probe(page)['shown']) == 6
    page.find_element('css selector', '[data-kind=false]').click()
    assert {event['kind'] for event in probe(page)['shown']} == {'found', 'missed', 'hit'}
    assert len(page.find_elements('css selector', '.events tbody tr')) == 5
    page.find_element('css selector', '.classes summary').click()
    page.find_element('css selector', '.classes label:nth-of-type(1) input').click()  # bark
    assert {event['label'] for event in probe(page)['shown']} == {1}
    assert [row.text.split()[0] for row in page.find_elements('css selector', '.events tbody tr')] == ['bell', 'bell']


def test_hits_are_those_of_the_measure_at_every_threshold_and_tiou(visit, tmp_path):
    truth, events = random_events(1, 12, 60)
    page = visit(write_report(tmp_path / 'r.html', events, truth), '#/video/0')
    tables = [(t.label_index, np.stack([t.start_sec, t.end_sec], axis=1)) for t in (truth, events)]
    assert truth.labels == events.labels
    true = GroundTruth(np.zeros(len(truth), int), *tables[0])
    for place, tiou in enumerate((0.3, 0.5, 0.7)):
        page.execute_script('Page.change({tiou: arguments[0]})', place)
        for threshold in (0.0, 0.25, 0.6, 0.95):
            set_slider(page, threshold)
            kept = events.scores >= threshold
            labels, segments = (column[kept] for column in tables[1])
            predicted = Predictions(np.zeros(kept.sum(), int), labels, segments, events.scores[kept])
            hits = int(match_predictions(true, predicted, [tiou]).true_positive.sum())
            expected = dict(found=hits, missed=12 - hits, hit=hits, false=int(kept.sum()) - hits, neutral=0)
            assert counts(page) == expected, (tiou, threshold)


def test_overlapping_events_of_a_class_lie_in_lanes(visit, tmp_path):
    truth, events = random_events(1, 8, 40, seed=1)
    page = visit(write_report(tmp_path / 'r.html', events, truth, score_thr=0.0), '#/video/0')
    shown = [event for event in probe(page)['shown'] if event['lane'] >= 0]
    assert len(shown) > 40
    for place, one in enumerate(shown):
        for other in shown[:place]:
            apart = one['y'] != other['y'] or one['end'] <= other['start'] or other['end'] <= one['start']
            assert apart, (one, other)


def test_five_thousand_events_stay_smooth(visit, tmp_path):
    truth, events = random_events(1, 1000, 4000, length_sec=600.0)
    page = visit(write_report(tmp_path / 'r.html', events, truth, score_thr=0.0), '#/video/0')
    assert len(probe(page)['shown']) == 5000
    script = """
        const done = arguments[0], { line } = Report.page(), times = [], drawn = Report.page().probe().framesDrawn;
        const next = (now) => {
          if (times.push(now) > 60) return done([times, Report.page().probe().framesDrawn - drawn]);
          if (times.length < 30) line.zoom(0.93, 300);
          else line.pan(0.04);
          requestAnimationFrame(next);
        };
        requestAnimationFrame(next);
    """

    def busy_sec():
        """What the page has computed, in seconds of its thread: other work on the machine does not count."""
        metrics = page.execute_cdp_cmd('Performance.getMetrics', {})['metrics']
        return next(metric['value'] for metric in metrics if metric['name'] == 'TaskDuration')

    page.execute_cdp_cmd('Performance.enable', dict(timeDomain='threadTicks'))
    before = busy_sec()
    times, drawn = page.execute_async_script(script)
    busy_ms = 1000 * (busy_sec() - before) / 60
    page.execute_cdp_cmd('Performance.disable', {})
    print(f'5,000 events: {busy_ms:.1f} ms of work a frame, {np.median(np.diff(times)):.1f} ms from one to the next')
    assert drawn >= 55 and 0 < busy_ms < 50


def test_thousands_of_videos_are_listed_as_they_are_needed(visit, tmp_path):
    rows = [(f'video {place}', 1, 2 + place % 7, CLASSES[place % 3], 0.5) for place in range(4000)]
    page = visit(write_report(tmp_path / 'r.html', Events.from_rows(rows), Events.from_rows(row[:4] for row in rows)))
    assert 0 < len(page.find_elements('css selector', '.videos tbody tr')) <= 300
    page.execute_script('window.scrollTo(0, document.querySelector(".videos").offsetHeight)')
    wait(page, "return document.querySelectorAll('.videos tbody tr').length > 100")
    search = page.find_element('id', 'search')
    search.send_keys('video 399')
    frames(page)
    names = [link.text for link in page.find_elements('css selector', '.videos tbody a')]
    assert names == ['video 399', *(f'video 399{k}' for k in range(10))]
    page.find_element('css selector', '.videos th:nth-child(2) button').click()  # by length
    frames(page)
    lengths = [cell.text for cell in page.find_elements('css selector', '.videos tbody td:nth-child(2)')]
    assert lengths == sorted(lengths) and len(set(lengths)) > 3


@pytest.mark.parametrize('route', ['#/', '#/video/0', '#/video/1'])
def test_nothing_is_wider_than_a_phone(visit, report, route):
    page = visit(report, route, width=360, height=740)
    frames(page)
    assert page.execute_script('return document.documentElement.scrollWidth') == 360


def test_light_and_dark_follow_the_system_and_the_button(visit, report):
    def brightness(page):
        colour = page.execute_script('return getComputedStyle(document.body).backgroundColor')
        return sum(map(int, colour.removeprefix('rgb(').removesuffix(')').split(', ')))

    assert brightness(visit(report)) > 600
    page = visit(report, dark=True)
    assert brightness(page) < 100
    page.find_element('id', 'theme').click()
    assert brightness(page) > 600
    assert brightness(visit(report, '#/video/0', dark=True)) > 600  # it is remembered
    page.execute_script('localStorage.clear()')


def test_everything_to_click_has_a_name(visit, report):
    for route in ('#/', '#/video/0'):
        page = visit(report, route)
        frames(page)
        tree = page.execute_cdp_cmd('Accessibility.getFullAXTree', {})['nodes']
        roles = {'button', 'link', 'slider', 'combobox', 'searchbox', 'table', 'checkbox'}
        nodes = [node for node in tree if node.get('role', {}).get('value') in roles and not node.get('ignored')]
        assert len(nodes) > 10
        assert [node for node in nodes if not node.get('name', {}).get('value')] == []


@pytest.mark.parametrize('route', ['#/', '#/video/0'])
def test_hostile_texts_are_shown_as_they_stand_and_never_run(visit, tmp_path, route):
    texts = list(HOSTILE.values())
    rows = [(texts[0], place, place + 1, text, 0.5) for place, text in enumerate(texts)]
    videos = [Video(text, 20.0, subset=text) for text in texts]
    media = {texts[0]: tmp_path / 'javascript:window.hacked=1.mp4', texts[1]: tmp_path / '"><script>.mp4'}
    provenance = dict(zip(texts, texts, strict=True))
    options = dict(media=media, title=''.join(texts), provenance=provenance)
    path = write_report(tmp_path / 'r.html', Events.from_rows(rows, videos), **options)
    page = visit(path, route)
    frames(page)
    assert page.execute_script('return window.hacked') is None
    assert page.execute_script('return document.images.length + document.querySelectorAll("main script").length') == 0
    # As JSON, since a half of a character is no text that the driver can hand over.
    assert json.loads(page.execute_script('return JSON.stringify(Model.labels)')) == sorted(texts)
    script = "return JSON.stringify([...document.querySelectorAll('main bdi')].map((node) => node.textContent))"
    assert set(texts) <= set(json.loads(page.execute_script(script)))
    width = page.execute_script('return document.documentElement.scrollWidth - window.innerWidth')
    assert width <= 0
