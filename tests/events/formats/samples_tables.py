"""Files as the programs and data sets write them: what a format is, first word, → (name, content)."""

from __future__ import annotations

EPIC_HEADER = (
    'narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame,stop_frame,'
    'narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes'
)
TEXTS = {
    'csv': (
        'events.csv',
        'video,start_sec,end_sec,label,score,subset,duration_sec,fps,note\n'
        'a,1.5,2,"Male speech, man speaking",0.5,val,10,25,\n'
        'empty,,,,,train,9,30,\n'
        'a,2,3.25,,,val,10,25,"say ""ah"""\n',
    ),
    'csv of somebody else': (
        'mine.txt',
        '\ufeffFile Name;Onset (s);Offset (s);Class\r\nb/1.wav;0:01:02,5;63,75;hiss\r\n007.wav;1;2;buzz\r\n',
    ),
    'csv of lengths': ('lengths.tsv', 'onset\tduration\ttrial_type\n1.5\t2\tgo\n4\t0.25\tstop\n'),
    'epic_kitchens': (
        'EPIC_100_train.csv',
        f'{EPIC_HEADER}\n'
        "P01_01_0,P01,P01_01,00:00:01.089,00:00:00.14,00:00:03.37,8,202,open door,open,3,door,3,['door'],[3]\n"
        'P01_01_1,P01,P01_01,00:00:02.6,01:00:04.37,01:00:06.17,262,370,turn on,turn-on,6,light,114,"[1, 2]",[1]\n',
    ),
    'epic_sounds': (
        'EPIC_Sounds_train.csv',
        'annotation_id,participant_id,video_id,start_timestamp,stop_timestamp,start_sample,stop_sample,description,'
        'class,class_id\n'
        'P01_01_0,P01,P01_01,00:00:02.466,00:00:05.315,59184,127560,paper rustling,rustle,4\n',
    ),
    'lfav': ('lfav_val_audio.csv', 'filename\tonset\toffset\tevent_labels\nZF-pF6v3fb0\t2\t5\tclapping\n'),
    'lfav of whole videos': (
        'AVVP_train.csv',
        'filename\tevent_labels\n6b1wUNMSnTs_30_40\tSpeech,Dog\nJvdZs4vOZJg_12_22\tCar\n',
    ),
    'desed': (
        'validation.tsv',
        'filename\tonset\toffset\tevent_label\nYa_1.000_11.000.wav\t0.5\t1.25\tSpeech\nYb_1.000_11.000.wav\t\t\t\n',
    ),
    'audioset_strong': (
        'audioset_train_strong.tsv',
        'segment_id\tstart_time_seconds\tend_time_seconds\tlabel\nb0RFKhbpFJA_30000\t0.000\t10.000\t/m/03m9d0z\n',
    ),
    'ave': (
        'Annotations.txt',
        'Category&VideoID&Quality&StartTime&EndTime\nFemale speech, woman speaking&VWi2ENBuTbw&good&2&7\n',
    ),
    'ave without a header': ('trainSet.txt', 'Church bell&RUhOCu3LNXM&good&0&10\n'),
    'thumos': (
        'BaseballPitch_val.txt',
        'video_validation_0000266  72.8 76.4\nvideo_validation_0000681  44.0 50.9\nvideo_validation_0000266  80 82\n',
    ),
    'boris aggregated': (
        'events.tsv',
        'Observation id\tObservation date\tMedia duration (s)\tFPS (frame/s)\tSubject\tBehavior\tBehavioral category\t'
        'Modifiers #1\tBehavior type\tStart (s)\tStop (s)\tDuration (s)\tMedia file name\tComment start\tComment stop\n'
        'one\t2024-01-01\t300.0\t25.0\trat\tgroom\tself\tslow\tSTATE\t1.5\t4.25\t2.75\t/data/cage 1.mp4\thm\t\n'
        'one\t2024-01-01\t300.0\t25.0\trat\tsneeze\t\t\tPOINT\t7.0\t7.0\tNA\t/data/cage 1.mp4\t\t\n'
        'two\t2024-01-02\t600.0\t30.0\tNo focal subject\trest\t\t\tSTATE\t0.0\t600.0\t600.0\tb.mp4\t\t\n',
    ),
    'boris of older versions': (
        'obs.csv',
        'Observation id,obs\n\nMedia file(s)\n\nPlayer #1,/data/a.avi\n\n'
        'Time,Media file path,Total length,FPS,Subject,Behavior,Behavioral category,Comment,Status\n'
        '1.0,/data/a.avi,60.5,25.00,x,run,,,START\n'
        '2.0,/data/a.avi,60.5,25.00,y,run,,,START\n'
        '2.5,/data/a.avi,60.5,25.00,x,jump,,,POINT\n'
        '3.0,/data/a.avi,60.5,25.00,y,run,,,STOP\n'
        '4.0,/data/a.avi,60.5,25.00,x,run,,,STOP\n'
        '5.0,/data/a.avi,60.5,25.00,x,run,,,START\n',
    ),
    'rttm': (
        'talk.rttm',
        ';; a comment\n'
        'SPKR-INFO talk 1 <NA> <NA> <NA> unknown Ann <NA> <NA>\n'
        'SPEAKER talk 1 0.031 4.927 <NA> <NA> Ann <NA> <NA>\n'
        'SPEAKER talk 1 2.5 0.5 <NA> <NA> Bob 0.75 <NA>\n',
    ),
    'audacity': ('street.txt', '0.5\t1.25\tdog barks\n2.150000\t2.150000\ta point\n3,4\t6,1\t\n'),
    'audacity with frequencies': ('rain.txt', '1.0\t2.0\tdrop\n\\\t-1.000000\t6334.588867\n2.0\t2.5\tdrip\n'),
    'raven': (
        'dawn.Table.1.selections.txt',
        'Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies\n'
        '1\tWaveform 1\t1\t0.5\t1.25\t0.0\t8000.0\twren\n'
        '1\tSpectrogram 1\t1\t0.5\t1.25\t1000.0\t8000.0\twren\n'
        '2\tSpectrogram 1\t1\t2.0\t3.0\t0.0\t9000.0\t\n',
    ),
    'raven of several files': (
        'all.txt',
        'Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tBegin File\t'
        'File Offset (s)\tCommon Name\tSpecies Code\tConfidence\n'
        '1\tSpectrogram 1\t1\t3.0\t6.0\t0\t15000\ta.WAV\t3.0\tGreat Tit\tgretit1\t0.75\n'
        '2\tSpectrogram 1\t1\t63.0\t66.0\t0\t15000\tb.WAV\t3.0\tRobin\teurrob1\t0.5\n',
    ),
}
SAMPLES = {name: (file, text.encode()) for name, (file, text) in TEXTS.items()}
