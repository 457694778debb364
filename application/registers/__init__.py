"""Provinces' registers of certificates (sổ theo dõi giấy chứng nhận OCOP), read out of Excel.

``workbook`` opens the file and hands out raw rows, ``layouts`` knows where things stand in it, ``reading``
says what each row states and what is wrong with it. ``known`` looks up what is here already, ``checking`` says
what a load would refuse, ``rows`` makes commands out of rows and ``loading`` carries them out. Nothing is
invented, nothing corrected.
"""
