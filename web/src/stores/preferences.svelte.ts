/** How this browser wants to be told of alerts: each only after somebody asked for it here. Upstream: the settings. Downstream: `ringer`. */
import { keepText, keptText } from '../kept';

const STORED = { notifications: 'gladius_notifications', sound: 'gladius_sound' } as const;

/** What the browser says to notifications; `unsupported` where it has none, or not on this (insecure) address. */
export type Permission = NotificationPermission | 'unsupported';

function permission(): Permission {
  return typeof Notification === 'undefined' || !isSecureContext ? 'unsupported' : Notification.permission;
}

class Preferences {
  #notifications = $state(keptText(STORED.notifications) === 'on');
  #sound = $state(keptText(STORED.sound) === 'on');
  #permission = $state<Permission>(permission());

  /** Whether notifications were asked for and the browser allows them. */
  get notifications(): boolean {
    return this.#notifications && this.#permission === 'granted';
  }

  get sound(): boolean {
    return this.#sound;
  }

  get permission(): Permission {
    return this.#permission;
  }

  /** Ask the browser, on the click that brought us here; what it answers is in `permission`. */
  async wantNotifications(wanted: boolean): Promise<void> {
    if (wanted && permission() === 'default') await Notification.requestPermission();
    this.#permission = permission();
    this.#notifications = wanted && this.#permission === 'granted';
    keepText(STORED.notifications, this.#notifications ? 'on' : 'off');
  }

  wantSound(wanted: boolean): void {
    this.#sound = wanted;
    keepText(STORED.sound, wanted ? 'on' : 'off');
  }
}

export const preferences = new Preferences();
