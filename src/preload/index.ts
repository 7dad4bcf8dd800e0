import { contextBridge, ipcRenderer } from 'electron';
import {
  CALL_CHANNEL,
  type DesktopBridge,
  PUSH_CHANNEL,
  type PushMessage,
  SUBSCRIBE_CHANNEL,
} from '../shared/contract/bridge.ts';

const bridge: DesktopBridge = {
  call: (name, input) => ipcRenderer.invoke(CALL_CHANNEL, name, input),
  subscribe: (lastId, listener) => {
    ipcRenderer.removeAllListeners(PUSH_CHANNEL);
    // The event itself leads to the process behind; the page gets the message alone.
    ipcRenderer.on(PUSH_CHANNEL, (_event, message: PushMessage) => listener(message));
    return ipcRenderer.invoke(SUBSCRIBE_CHANNEL, lastId);
  },
};

contextBridge.exposeInMainWorld('labrelay', bridge);
