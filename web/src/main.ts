import { mount } from 'svelte';
import './app.css';
import './ui/shapes.css';
import App from './App.svelte';
import { i18n } from './i18n/index.svelte';
import { alerts } from './stores/alerts.svelte';
import { home } from './stores/home.svelte';
import { live } from './stores/live.svelte';
import { router } from './stores/router.svelte';
import { session } from './stores/session.svelte';

i18n.detect();
router.start();
alerts.start();
home.start();
live.start();
void session.load();
mount(App, { target: document.getElementById('app')! });
