import { defineJournal } from 'flotilla';

export default defineJournal({ name: 'journal' });
