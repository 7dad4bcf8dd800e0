import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App.tsx';
import { createConsole } from './app/console.ts';
import { ConsoleContext } from './app/context.ts';
import { createClient } from './client/index.ts';
import './theme/theme.css';
import './theme/page.css';
import './theme/logs.css';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');

createRoot(root).render(
  <StrictMode>
    <ConsoleContext value={createConsole(createClient())}>
      <App />
    </ConsoleContext>
  </StrictMode>,
);
